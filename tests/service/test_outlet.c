/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The processes that deliver, on loopback and with no rights at all. */
#include "outlet_stage.h"

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

/* The kernel hears of it after a datagram was sent: the next one fails, not that one. */
static void a_closed_udp_port_is_told_once_and_what_it_refused_comes_later(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), told = 0, n = 0;
	char target[64], text[64] = "";
	struct outlet *o;
	struct err e;

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	close(fd);
	snprintf(target, sizeof(target), "udp://127.0.0.1:%u", ntohs(a.sin_port));
	if (!outlet_syslog(&o, target, user, &e))
		fail_msg("%s", e.text);
	while (n < 40) {
		snprintf(text, sizeof(text), "message %d", ++n);
		put(o, text);
		rest(100);
		counters(o);
		while (outlet_news(o, &e)) {
			assert_non_null(strstr(e.text, "cannot be reached: Connection refused"));
			told++;
		}
	}
	assert_int_equal(told, 1);
	assert_false(counters(o).up);
	assert_in_range(counters(o).sent, 0, 1);	/* before the first was refused */

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	WAIT_FOR((counters(o), outlet_news(o, &e)));
	assert_non_null(strstr(e.text, "is reached again"));
	WAIT_FOR(counters(o).sent == (uint64_t)n);
	assert_true(counters(o).up);
	for (int i = 2; i <= n; i++) {
		char expected[32];
		ssize_t length = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

		assert_true(length > 0);
		text[length] = '\0';
		snprintf(expected, sizeof(expected), "message %d", i);
		assert_string_equal(text, expected);
	}
	outlet_close(o, PATIENCE_MS);
	close(fd);
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
	/* far more than is taken in for somebody who does not read */
	for (int i = 0; i < 100; i++) {
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

static void a_command_gets_words_in_its_environment_and_the_rest_on_its_input(void **state)
{
	char text[256];
	struct outlet *o;

	(void)state;
	snprintf(text, sizeof(text), "{ printf '%%s.' \"$SAWATCH_CODE\"; cat; } >> %s",
		 path_of("got"));
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

static void a_monitor_that_is_killed_leaves_its_page(void **state)
{
	const struct outlet_metrics m = { .file = path_of("killed.prom"), .user = user };
	struct stat st;
	pid_t monitor;

	(void)state;
	/* what it leaves becomes ours, to wait for */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	monitor = fork();
	if (monitor == 0) {
		struct outlet *o;
		struct err e;

		if (outlet_metrics(&o, &m, &e))
			outlet_page(o, "sawatch_up 1\n", 13);
		for (;;)
			pause();
	}
	assert_int_not_equal(monitor, -1);
	WAIT_FOR(stat(path_of("killed.prom"), &st) == 0 && st.st_size == 13);
	assert_int_equal(kill(monitor, SIGKILL), 0);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	assert_int_equal(errno, ECHILD);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	assert_int_equal(stat(path_of("killed.prom"), &st), 0);
	assert_int_equal(st.st_size, 13);
}

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
	assert_memory_equal(ask(port, "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: "
				      "2\r\nConnection: close\r\n\r\nab"),
			    "HTTP/1.1 405 ", 13);
	assert_null(strstr(ask(port, "\x01\x02nonsense\r\n\r\n"), " 200 "));
	outlet_close(o, PATIENCE_MS);
}

static void what_cannot_be_done_is_said_at_the_beginning(void **state)
{
	const struct outlet_metrics bad[] = {
		{ .file = "/nowhere/m.prom" }, { .listen = "nonsense" }, { .listen = "::1:80" }, {
		  .listen = "127.0.0.1:x" },
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
	assert_true(outlet_syslog_target("tcp://[::1]:601", &e) &&
		    outlet_syslog_target("unix:/x", &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_over_tcp_are_counted_in_octets),
		cmocka_unit_test(a_collector_that_comes_back_gets_what_it_missed),
		cmocka_unit_test(
			a_closed_udp_port_is_told_once_and_what_it_refused_comes_later),
		cmocka_unit_test(
			a_collector_that_closes_each_connection_at_once_is_not_hammered_at),
		cmocka_unit_test(what_was_never_acknowledged_is_sent_again),
		cmocka_unit_test(a_collector_that_does_not_read_holds_nobody_up),
		cmocka_unit_test(a_message_that_is_too_long_is_dropped_and_counted),
		cmocka_unit_test(a_command_gets_words_in_its_environment_and_the_rest_on_its_input),
		cmocka_unit_test(a_command_that_ignores_its_input_or_fails_is_no_trouble),
		cmocka_unit_test(a_command_that_does_not_end_is_stopped_with_its_children),
		cmocka_unit_test(more_than_so_many_in_a_minute_wait),
		cmocka_unit_test(a_page_replaces_the_file_as_a_whole_and_leaves_with_the_monitor),
		cmocka_unit_test(a_monitor_that_is_killed_leaves_its_page),
		cmocka_unit_test(the_page_is_served_over_http_and_nothing_else),
		cmocka_unit_test(what_cannot_be_done_is_said_at_the_beginning),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
