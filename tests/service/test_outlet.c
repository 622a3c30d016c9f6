/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The processes that deliver, on loopback and with no rights at all. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <sawatch/outlet.h>

enum { PATIENCE_MS = 15000 };

static const char *user;		/* of the processes: nobody, when that is possible */
static char folder[] = "/tmp/sawatch-outlet-XXXXXX";

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void rest(int ms)
{
	poll(NULL, 0, ms);
}

static struct outlet_counters counters(struct outlet *o)
{
	struct outlet_counters c;

	outlet_counters(o, &c);
	return c;
}

#define WAIT_FOR(condition)                                                        \
	do {                                                                       \
		int64_t until = now_ms() + PATIENCE_MS;                            \
		bool came;                                                         \
                                                                                   \
		while (!(came = (condition)) && now_ms() < until)                  \
			rest(10);                                                  \
		if (!came)                                                         \
			fail_msg("%s", #condition);                                \
	} while (0)

static int listener(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static struct outlet *syslog_to(uint16_t port)
{
	char target[64];
	struct outlet *o;
	struct err e;

	snprintf(target, sizeof(target), "tcp://127.0.0.1:%u", port);
	if (!outlet_syslog(&o, target, user, &e))
		fail_msg("%s", e.text);
	return o;
}

static void put(struct outlet *o, const char *text)
{
	outlet_put(o, text, strlen(text));
}

/* Reads until `wanted` came, while the monitor does its round; everything so far is in `buffer`. */
static void read_until(struct outlet *o, int fd, char *buffer, size_t size, const char *wanted)
{
	size_t length = strlen(buffer), seen = 0;
	int64_t until = now_ms() + PATIENCE_MS;

	while (!strstr(buffer + seen, wanted) && now_ms() < until && length + 1 < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		counters(o);
		seen = length > strlen(wanted) ? length - strlen(wanted) : 0;
		n = poll(&p, 1, 100) == 1 ? read(fd, buffer + length, size - 1 - length) : 0;
		if (n > 0)
			length += (size_t)n;
		buffer[length] = '\0';
	}
	if (!strstr(buffer + seen, wanted))
		fail_msg("\"%s\" did not come, but %zu bytes: \"%.80s\"", wanted, length, buffer);
}

static void messages_over_tcp_are_counted_in_octets(void **state)
{
	uint16_t port = 0;
	int server = listener(&port);
	struct outlet *o = syslog_to(port);
	char buffer[256] = "";
	int fd;

	(void)state;
	put(o, "<13>1 first");
	put(o, "<13>1 2nd\n");
	fd = accept(server, NULL, NULL);
	read_until(o, fd, buffer, sizeof(buffer), "2nd\n");
	assert_string_equal(buffer, "11 <13>1 first10 <13>1 2nd\n");
	WAIT_FOR(counters(o).sent == 2);
	assert_true(counters(o).up);
	outlet_close(o, PATIENCE_MS);
	close(fd);
	close(server);
}

static void a_collector_that_comes_back_gets_what_it_missed(void **state)
{
	uint16_t port = 0;
	int server = listener(&port);
	struct outlet *o = syslog_to(port);
	char buffer[256] = "";
	struct err news;
	int fd;

	(void)state;
	put(o, "one");
	fd = accept(server, NULL, NULL);
	read_until(o, fd, buffer, sizeof(buffer), "one");
	close(fd);
	close(server);
	WAIT_FOR(!counters(o).up);
	put(o, "two");
	put(o, "three");
	WAIT_FOR((counters(o), outlet_news(o, &news)));
	assert_non_null(strstr(news.text, "cannot be reached"));
	server = listener(&port);
	fd = accept(server, NULL, NULL);
	buffer[0] = '\0';
	read_until(o, fd, buffer, sizeof(buffer), "three");
	assert_string_equal(buffer, "3 two5 three");
	WAIT_FOR((counters(o), outlet_news(o, &news)));
	assert_non_null(strstr(news.text, "is reached again"));
	outlet_close(o, PATIENCE_MS);
	close(fd);
	close(server);
}

/* As a proxy does whose collector is away. */
static void a_collector_that_closes_each_connection_at_once_is_not_hammered_at(void **state)
{
	uint16_t port = 0;
	int server = listener(&port), connections = 0;
	struct outlet *o = syslog_to(port);
	int64_t until = now_ms() + 2000;

	(void)state;
	while (now_ms() < until) {
		struct pollfd p = { .fd = server, .events = POLLIN };

		counters(o);
		if (poll(&p, 1, 50) != 1)
			continue;
		close(accept(server, NULL, NULL));
		connections++;
	}
	assert_in_range(connections, 1, 4);
	close(server);
	outlet_close(o, 0);
}

static void what_was_never_acknowledged_is_sent_again(void **state)
{
	uint16_t port = 0;
	int server = listener(&port);
	struct outlet *o;
	static char filler[20000], buffer[1 << 22];
	int fd;

	(void)state;
	o = syslog_to(port);
	memset(filler, 'x', sizeof(filler) - 1);
	for (int i = 0; i < 100; i++) {		/* far more than is taken in for somebody who does not read */
		snprintf(filler, 32, "number %d;", i);
		filler[strlen(filler)] = 'x';
		put(o, filler);
	}
	fd = accept(server, NULL, NULL);
	rest(500);
	close(fd);				/* resets: much of it was not read */
	fd = accept(server, NULL, NULL);
	buffer[0] = '\0';
	read_until(o, fd, buffer, sizeof(buffer), "number 99;");
	for (int i = 30; i < 100; i++) {
		char number[32];

		snprintf(number, sizeof(number), "number %d;", i);
		if (!strstr(buffer, number))
			fail_msg("%s is lost", number);
	}
	WAIT_FOR(counters(o).sent == 100);
	assert_int_equal(counters(o).dropped, 0);
	outlet_close(o, PATIENCE_MS);
	close(fd);
	close(server);
}

static void a_collector_that_does_not_read_holds_nobody_up(void **state)
{
	enum { MANY = 30000 };
	uint16_t port = 0;
	int server = listener(&port);
	struct outlet *o = syslog_to(port);
	char message[512];
	int64_t began = now_ms(), longest = 0;

	(void)state;
	memset(message, 'x', sizeof(message));
	for (int i = 0; i < MANY; i++) {
		int64_t at = now_ms(), took;

		outlet_put(o, message, sizeof(message));
		took = now_ms() - at;
		longest = took > longest ? took : longest;
	}
	assert_true(longest < 1000 && now_ms() - began < 20000);
	WAIT_FOR(counters(o).dropped > 0);
	rest(300);
	assert_true(counters(o).dropped > MANY / 2 && counters(o).dropped < MANY);
	began = now_ms();
	outlet_close(o, 4000);
	assert_true(now_ms() - began < 4500);	/* it gives up by itself */
	close(server);
}

static void a_message_that_is_too_long_is_dropped_and_counted(void **state)
{
	uint16_t port = 0;
	int server = listener(&port);
	struct outlet *o = syslog_to(port);
	char *message = calloc(1, OUTLET_MESSAGE_MAX + 1);

	(void)state;
	outlet_put(o, message, OUTLET_MESSAGE_MAX + 1);
	outlet_put(o, message, 0);
	assert_int_equal(counters(o).dropped, 2);
	free(message);
	outlet_close(o, PATIENCE_MS);
	close(server);
}

/* ---- commands ---- */

static char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static struct outlet *command(const char *text, int timeout_ms, int per_minute)
{
	const struct outlet_command c = { .command = text, .user = user, .timeout_ms = timeout_ms, .per_minute = per_minute };
	struct outlet *o;
	struct err e;

	if (!outlet_command(&o, &c, &e))
		fail_msg("%s", e.text);
	return o;
}

static char *contents(const char *name)
{
	static char text[4096];
	int fd = open(path_of(name), O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void a_command_gets_words_in_its_environment_and_the_rest_on_its_input(void **state)
{
	char text[256];
	struct outlet *o;

	(void)state;
	snprintf(text, sizeof(text), "{ printf '%%s.' \"$SAWATCH_CODE\"; cat; } >> %s", path_of("got"));
	o = command(text, 5000, 100);
	put(o, "SAWATCH_CODE=a $(reboot) 'b'\nX=1\n\n{\"json\":1}\n");
	put(o, "SAWATCH_CODE=second\n\n");
	WAIT_FOR(counters(o).sent == 2);
	assert_string_equal(contents("got"), "a $(reboot) 'b'.{\"json\":1}\nsecond.");
	outlet_close(o, PATIENCE_MS);
}

static void a_command_that_ignores_its_input_or_fails_is_no_trouble(void **state)
{
	static char large[OUTLET_MESSAGE_MAX - 10] = "A=1\n\n";
	struct outlet *o = command("exec 0<&-; exit 7", 5000, 100);
	struct err news;

	(void)state;
	memset(large + 5, 'x', sizeof(large) - 6);
	for (int i = 0; i < 20; i++)
		put(o, large);
	WAIT_FOR(counters(o).sent == 20);
	assert_false(counters(o).up);
	assert_true(outlet_news(o, &news));
	assert_non_null(strstr(news.text, "exit status 7"));
	assert_false(outlet_news(o, &news));	/* told once */
	outlet_close(o, PATIENCE_MS);
}

static void a_command_that_does_not_end_is_stopped_with_its_children(void **state)
{
	char text[256];
	struct outlet *o;
	struct err news;
	pid_t child;

	(void)state;
	snprintf(text, sizeof(text), "sleep 600 & echo $! > %s; wait", path_of("child"));
	o = command(text, 300, 100);
	put(o, "A=1\n\n");
	WAIT_FOR(counters(o).sent == 1);
	assert_true(outlet_news(o, &news));
	assert_non_null(strstr(news.text, "was stopped"));
	child = atoi(contents("child"));
	assert_true(child > 1);
	WAIT_FOR(kill(child, 0) != 0 && errno == ESRCH);
	outlet_close(o, PATIENCE_MS);
}

static void more_than_so_many_in_a_minute_wait(void **state)
{
	struct outlet *o = command("true", 5000, 3);

	(void)state;
	for (int i = 0; i < 10; i++)
		put(o, "A=1\n\n");
	WAIT_FOR(counters(o).sent == 3);
	rest(500);
	assert_int_equal(counters(o).sent, 3);
	assert_int_equal(counters(o).dropped, 0);
	outlet_close(o, PATIENCE_MS);
}

/* ---- metrics ---- */

static void a_page_replaces_the_file_as_a_whole_and_leaves_with_the_monitor(void **state)
{
	const struct outlet_metrics m = { .file = path_of("m.prom"), .user = user };
	static char large[300000];
	struct outlet *o;
	struct err e;
	struct stat st;

	(void)state;
	if (!outlet_metrics(&o, &m, &e))
		fail_msg("%s", e.text);
	assert_int_not_equal(stat(path_of("m.prom"), &st), 0);
	for (int round = 0; round < 20; round++) {
		memset(large, 'a' + round, sizeof(large));
		assert_true(outlet_page(o, large, sizeof(large) - (size_t)round));
		rest(5);
	}
	WAIT_FOR(stat(path_of("m.prom"), &st) == 0 && st.st_size == (off_t)sizeof(large) - 19);
	assert_int_equal(st.st_mode & 0777, 0644);
	WAIT_FOR(counters(o).sent > 0);
	assert_false(outlet_page(o, large, SIZE_MAX / 2));
	outlet_close(o, PATIENCE_MS);
	assert_int_not_equal(stat(path_of("m.prom"), &st), 0);
}

/* What is answered to `request` at this port of loopback; forgotten with the next one. */
static const char *ask(uint16_t port, const char *request)
{
	static char answer[400000];
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t length = 0;
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	while (length + 1 < sizeof(answer) && (n = read(fd, answer + length, sizeof(answer) - 1 - length)) > 0)
		length += (size_t)n;
	answer[length] = '\0';
	close(fd);
	return answer;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void the_page_is_served_over_http_and_nothing_else(void **state)
{
	uint16_t port = 0;
	char where[32];
	const struct outlet_metrics m = { .listen = where, .user = user };
	const char *answer;
	struct outlet *o;
	struct err e;

	(void)state;
	close(listener(&port));		/* a port that is free */
	snprintf(where, sizeof(where), "127.0.0.1:%u", port);
	if (!outlet_metrics(&o, &m, &e))
		fail_msg("%s", e.text);
	assert_memory_equal(ask(port, GET("/metrics")), "HTTP/1.1 503 ", 13);
	assert_true(outlet_page(o, "a 1\n", 4));
	WAIT_FOR(strstr(ask(port, GET("/metrics")), "HTTP/1.1 200 "));
	answer = ask(port, GET("/metrics"));
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
	assert_non_null(strstr(answer, "\r\n\r\na 1\n"));
	assert_memory_equal(ask(port, GET("/etc/passwd")), "HTTP/1.1 404 ", 13);
	assert_memory_equal(ask(port, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab"),
			    "HTTP/1.1 405 ", 13);
	assert_null(strstr(ask(port, "\x01\x02nonsense\r\n\r\n"), " 200 "));
	outlet_close(o, PATIENCE_MS);
}

static void what_cannot_be_done_is_said_at_the_beginning(void **state)
{
	const struct outlet_metrics bad[] = {
		{ .file = "/nowhere/m.prom" }, { .listen = "nonsense" }, { .listen = "::1:80" }, { .listen = "127.0.0.1:x" },
		{ .listen = "127.0.0.1:99999" },	/* 34463 in 16 bits */
	};
	struct outlet *o;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		e.text[0] = '\0';
		assert_false(outlet_metrics(&o, &bad[i], &e));
		assert_null(o);
		assert_non_null(strstr(e.text, bad[i].file ? bad[i].file : bad[i].listen));
	}
	assert_false(outlet_syslog(&o, "tcp://host", user, &e));
	assert_false(outlet_syslog_target("tcp://::1:601", &e));
	assert_true(outlet_syslog_target("tcp://[::1]:601", &e) && outlet_syslog_target("unix:/x", &e));
}

/* Stands in for the monitor, which is killed without a word. */
static void an_outlet_does_not_outlive_the_monitor(void **state)
{
	uint16_t port = 0;
	int server = listener(&port), said[2];
	pid_t monitor, helper = 0;

	(void)state;
	assert_int_equal(pipe(said), 0);
	monitor = fork();
	if (monitor == 0) {
		char path[64];
		FILE *f;

		syslog_to(port);
		snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
		f = fopen(path, "r");
		if (!f || fscanf(f, "%d", &helper) != 1)
			helper = -1;
		if (write(said[1], &helper, sizeof(helper)) < 0)
			_exit(1);
		pause();
	}
	assert_int_equal(read(said[0], &helper, sizeof(helper)), sizeof(helper));
	assert_true(helper > 1);
	assert_int_equal(kill(helper, 0), 0);
	kill(monitor, SIGKILL);
	WAIT_FOR(kill(helper, 0) != 0 && errno == ESRCH);
	close(server);
}

static int enter(void **state)
{
	(void)state;
	/* whose parent dies becomes ours, so that it can be gone and not only dead */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	user = geteuid() == 0 ? "nobody" : NULL;
	return mkdtemp(folder) && chmod(folder, 0777) == 0 ? 0 : -1;
}

static int leave(void **state)
{
	char line[64];

	(void)state;
	signal(SIGCHLD, SIG_DFL);
	snprintf(line, sizeof(line), "rm -rf '%s'", folder);
	return system(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_over_tcp_are_counted_in_octets),
		cmocka_unit_test(a_collector_that_comes_back_gets_what_it_missed),
		cmocka_unit_test(a_collector_that_closes_each_connection_at_once_is_not_hammered_at),
		cmocka_unit_test(what_was_never_acknowledged_is_sent_again),
		cmocka_unit_test(a_collector_that_does_not_read_holds_nobody_up),
		cmocka_unit_test(a_message_that_is_too_long_is_dropped_and_counted),
		cmocka_unit_test(a_command_gets_words_in_its_environment_and_the_rest_on_its_input),
		cmocka_unit_test(a_command_that_ignores_its_input_or_fails_is_no_trouble),
		cmocka_unit_test(a_command_that_does_not_end_is_stopped_with_its_children),
		cmocka_unit_test(more_than_so_many_in_a_minute_wait),
		cmocka_unit_test(a_page_replaces_the_file_as_a_whole_and_leaves_with_the_monitor),
		cmocka_unit_test(the_page_is_served_over_http_and_nothing_else),
		cmocka_unit_test(what_cannot_be_done_is_said_at_the_beginning),
		cmocka_unit_test(an_outlet_does_not_outlive_the_monitor),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
