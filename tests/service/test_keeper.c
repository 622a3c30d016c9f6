/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Workers of outlets that die, keepers that do, and the monitor. */
#include "outlet_stage.h"

/* The youngest child of a process; 0: none. */
static pid_t child_of(pid_t parent)
{
	char path[64];
	pid_t child = 0, next;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	f = fopen(path, "r");
	while (f && fscanf(f, "%d", &next) == 1)
		child = next;
	if (f)
		fclose(f);
	return child;
}

static pid_t worker(void)
{
	pid_t keeper = child_of(getpid());

	return keeper > 0 ? child_of(keeper) : 0;
}

static bool is_gone(pid_t process)
{
	return kill(process, 0) != 0 && errno == ESRCH;
}

static void kill_worker(int signal_number)
{
	pid_t victim = 0;

	WAIT_FOR((victim = worker()) > 1);
	assert_int_equal(kill(victim, signal_number), 0);
	WAIT_FOR(is_gone(victim));
}

static void wait_for_news(struct outlet *o, const char *wanted)
{
	struct err news = { "nothing" };

	WAIT_FOR((counters(o), outlet_news(o, &news)));
	if (!strstr(news.text, wanted))
		fail_msg("\"%s\" is not in \"%s\"", wanted, news.text);
}

static void a_sender_that_is_killed_is_begun_anew_and_counted(void **state)
{
	uint16_t port = 0;
	int server = listener(&port);
	struct outlet *o = syslog_to(port);
	char buffer[256] = "";
	int fd;

	(void)state;
	put(o, "one");
	fd = accept(server, NULL, NULL);
	read_until(o, fd, buffer, sizeof(buffer), "one");
	WAIT_FOR(counters(o).sent == 1);
	kill_worker(SIGKILL);
	put(o, "two");		/* waits for the next one */
	close(fd);
	fd = accept(server, NULL, NULL);
	buffer[0] = '\0';
	read_until(o, fd, buffer, sizeof(buffer), "two");
	assert_string_equal(buffer, "3 two");
	WAIT_FOR(counters(o).sent == 2);
	assert_true(counters(o).up);
	assert_int_equal(counters(o).restarts, 1);
	assert_int_equal(counters(o).dropped, 0);
	wait_for_news(o, "process sawatch-syslog was ended by signal 9 (Killed); "
			 "another begins in 1 s");
	outlet_close(o, PATIENCE_MS);
	WAIT_FOR(child_of(getpid()) == 0);
	close(fd);
	close(server);
}

static void what_a_process_had_with_it_when_it_died_is_counted_as_lost(void **state)
{
	uint16_t port = 0;
	int server = listener(&port);
	struct outlet *o = syslog_to(port);
	char buffer[256] = "";
	struct err news = { "" };
	unsigned had = 0;
	int fd;

	(void)state;
	fd = accept(server, NULL, NULL);
	WAIT_FOR(counters(o).up);
	close(fd);
	close(server);
	WAIT_FOR(!counters(o).up);
	for (int i = 0; i < 5; i++)
		put(o, "for nobody");
	/* it takes them in at once; a busy machine may leave some for the next one */
	rest(1500);
	wait_for_news(o, "cannot be reached");
	kill_worker(SIGABRT);
	WAIT_FOR((counters(o), outlet_news(o, &news)));
	assert_int_equal(sscanf(news.text, "process sawatch-syslog was ended by signal 6 "
					   "(Aborted); it had %u message", &had), 1);
	assert_in_range(had, 1, 5);
	assert_int_equal(counters(o).dropped, had);
	assert_false(counters(o).up);
	put(o, "later");
	server = listener(&port);
	fd = accept(server, NULL, NULL);
	read_until(o, fd, buffer, sizeof(buffer), "5 later");
	assert_int_equal(strlen(buffer), (5 - had) * strlen("10 for nobody") + strlen("5 later"));
	assert_int_equal(counters(o).dropped, had);
	outlet_close(o, PATIENCE_MS);
	close(fd);
	close(server);
}

static void who_serves_the_page_serves_it_again_on_the_same_port(void **state)
{
	uint16_t port = 0;
	char where[32];
	const struct outlet_metrics m = { .listen = where,
					  .file = path_of("again.prom"),
					  .user = user };
	struct outlet *o;
	struct stat st;
	struct err e;

	(void)state;
	close(listener(&port));
	snprintf(where, sizeof(where), "127.0.0.1:%u", port);
	if (!outlet_metrics(&o, &m, &e))
		fail_msg("%s", e.text);
	assert_true(outlet_page(o, "a 1\n", 4));
	WAIT_FOR(strstr(ask(port, GET("/metrics")), "\r\n\r\na 1\n"));
	kill_worker(SIGKILL);
	/* asked at once, answered by the next one */
	WAIT_FOR(strstr(ask(port, GET("/metrics")), "\r\n\r\na 1\n"));
	assert_true(outlet_page(o, "a 2\n", 4));
	WAIT_FOR(strstr(ask(port, GET("/metrics")), "\r\n\r\na 2\n"));
	WAIT_FOR(counters(o).restarts == 1 && counters(o).up);
	outlet_close(o, PATIENCE_MS);
	assert_int_not_equal(stat(path_of("again.prom"), &st), 0);
}

static void a_command_dies_with_the_process_that_ran_it(void **state)
{
	char text[256];
	struct outlet *o;
	pid_t child;

	(void)state;
	snprintf(text, sizeof(text), "cd %s; cat >> said; sleep 600 & echo $! > orphan; wait",
		 folder);
	o = command(text, 60000, 100);
	put(o, "A=1\n\nfirst\n");
	WAIT_FOR(atoi(contents("orphan")) > 1);
	child = atoi(contents("orphan"));
	unlink(path_of("orphan"));
	kill_worker(SIGKILL);
	WAIT_FOR(is_gone(child));
	put(o, "A=1\n\nsecond\n");
	WAIT_FOR(strcmp(contents("said"), "first\nsecond\n") == 0);
	assert_int_equal(counters(o).dropped, 1);
	assert_int_equal(counters(o).restarts, 1);
	WAIT_FOR(atoi(contents("orphan")) > 1);
	child = atoi(contents("orphan"));
	outlet_close(o, 0);
	kill(worker(), SIGKILL);
	WAIT_FOR(is_gone(child) && child_of(getpid()) == 0);
}

/* A file that cannot be made any more: worker after worker ends, at longer and longer distances. */
static void one_that_dies_again_and_again_is_begun_at_growing_distances(void **state)
{
	char file[64], away[64];
	const struct outlet_metrics m = { .file = file, .user = user };
	struct outlet *o;
	struct err e;
	int64_t began;

	(void)state;
	snprintf(file, sizeof(file), "%s/sub/m.prom", folder);
	snprintf(away, sizeof(away), "%s/away", folder);
	assert_int_equal(mkdir(path_of("sub"), 0777), 0);
	assert_int_equal(chmod(path_of("sub"), 0777), 0);
	if (!outlet_metrics(&o, &m, &e))
		fail_msg("%s", e.text);
	assert_int_equal(rename(path_of("sub"), away), 0);
	began = now_ms();
	kill_worker(SIGKILL);
	WAIT_FOR(counters(o).restarts == 3);
	assert_true(now_ms() - began >= 3000);		/* 1 s and 2 s */
	wait_for_news(o, "another begins in 1 s");
	wait_for_news(o, "cannot be made");
	wait_for_news(o, "process sawatch-metrics ended with status 1; another begins in 2 s");
	assert_int_equal(rename(away, path_of("sub")), 0);
	WAIT_FOR(counters(o).up);
	assert_true(outlet_page(o, "a 1\n", 4));
	WAIT_FOR(access(file, R_OK) == 0);
	outlet_close(o, PATIENCE_MS);
	assert_int_not_equal(access(file, R_OK), 0);
}

static void a_process_that_cannot_be_begun_again_is_told_of_once(void **state)
{
	uint16_t port = 0;
	int server = listener(&port);
	struct outlet *o = syslog_to(port);
	struct err news;
	pid_t keeper = child_of(getpid()), victim = worker();

	(void)state;
	kill(keeper, SIGKILL);
	WAIT_FOR(is_gone(victim));
	wait_for_news(o, "until sawatch is started again");
	assert_false(counters(o).up);
	assert_false(outlet_news(o, &news));
	put(o, "for nobody");
	assert_int_equal(counters(o).dropped, 1);
	outlet_close(o, PATIENCE_MS);
	close(server);
}

/* Stands in for the monitor, which is killed without a word. */
static void an_outlet_does_not_outlive_the_monitor(void **state)
{
	uint16_t port = 0;
	int server = listener(&port), said[2];
	pid_t monitor, processes[2];

	(void)state;
	assert_int_equal(pipe(said), 0);
	monitor = fork();
	if (monitor == 0) {
		syslog_to(port);
		processes[0] = child_of(getpid());
		processes[1] = worker();
		if (write(said[1], processes, sizeof(processes)) < 0)
			_exit(1);
		pause();
	}
	assert_int_equal(read(said[0], processes, sizeof(processes)), sizeof(processes));
	for (int i = 0; i < 2; i++) {
		assert_true(processes[i] > 1);
		assert_int_equal(kill(processes[i], 0), 0);
	}
	kill(monitor, SIGKILL);
	WAIT_FOR(is_gone(processes[0]) && is_gone(processes[1]));
	close(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sender_that_is_killed_is_begun_anew_and_counted),
		cmocka_unit_test(what_a_process_had_with_it_when_it_died_is_counted_as_lost),
		cmocka_unit_test(who_serves_the_page_serves_it_again_on_the_same_port),
		cmocka_unit_test(a_command_dies_with_the_process_that_ran_it),
		cmocka_unit_test(one_that_dies_again_and_again_is_begun_at_growing_distances),
		cmocka_unit_test(a_process_that_cannot_be_begun_again_is_told_of_once),
		cmocka_unit_test(an_outlet_does_not_outlive_the_monitor),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
