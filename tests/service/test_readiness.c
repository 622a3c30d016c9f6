/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The test is the service manager. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/readiness.h>

struct manager {
	char folder[32], path[64];
	int socket;
	struct readiness service;
};

static int listen_at(const char *address, size_t length)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	memcpy(at.sun_path, address, length);
	assert_return_code(bind(fd, (const struct sockaddr *)&at,
				(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
			   errno);
	return fd;
}

static int set_up(void **state)
{
	struct manager *m = test_calloc(1, sizeof(*m));

	strcpy(m->folder, "/tmp/readiness-XXXXXX");
	assert_non_null(mkdtemp(m->folder));
	snprintf(m->path, sizeof(m->path), "%s/notify", m->folder);
	m->socket = listen_at(m->path, strlen(m->path));
	setenv("NOTIFY_SOCKET", m->path, 1);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	*state = m;
	return 0;
}

static int tear_down(void **state)
{
	struct manager *m = *state;

	readiness_close(&m->service);
	close(m->socket);
	unlink(m->path);
	rmdir(m->folder);
	test_free(m);
	return 0;
}

/* What the manager was told next; "" for nothing. */
static const char *told(struct manager *m)
{
	static char text[512];
	ssize_t n = recv(m->socket, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void open_it(struct manager *m)
{
	assert_true(readiness_open(&m->service, NULL));
}

static void a_service_is_ready_when_it_says_so_and_not_before(void **state)
{
	struct manager *m = *state;

	open_it(m);
	assert_string_equal(told(m), "");
	readiness_ready(&m->service);
	assert_string_equal(told(m), "READY=1");
	readiness_stopping(&m->service);
	assert_string_equal(told(m), "STOPPING=1");
}

static void a_reload_is_stamped_with_the_monotonic_clock(void **state)
{
	struct manager *m = *state;
	struct timespec now;
	long long us;

	open_it(m);
	readiness_reloading(&m->service);
	assert_int_equal(sscanf(told(m), "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_in_range(now.tv_sec * 1000000 + now.tv_nsec / 1000 - us, 0, 60000000);
}

static void a_status_is_told_once_and_on_one_line(void **state)
{
	struct manager *m = *state;

	open_it(m);
	readiness_status(&m->service, "2 tunnels up");
	assert_string_equal(told(m), "STATUS=2 tunnels up");
	readiness_status(&m->service, "2 tunnels up");
	assert_string_equal(told(m), "");
	readiness_status(&m->service, "1 tunnel up\nREADY=1");
	assert_string_equal(told(m), "STATUS=1 tunnel up");
}

static void the_watchdog_is_told_at_half_its_interval(void **state)
{
	struct manager *m = *state;

	setenv("WATCHDOG_USEC", "60000000", 1);
	open_it(m);
	assert_int_equal(m->service.alive_every, 30 * NSEC_PER_S);
	readiness_alive(&m->service);
	assert_string_equal(told(m), "WATCHDOG=1");
	readiness_alive(&m->service);
	assert_string_equal(told(m), "");
	m->service.alive_at -= 30 * NSEC_PER_S;	/* as if they had passed */
	readiness_alive(&m->service);
	assert_string_equal(told(m), "WATCHDOG=1");
}

static void a_watchdog_for_another_process_is_not_ours(void **state)
{
	struct manager *m = *state;

	setenv("WATCHDOG_USEC", "60000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	open_it(m);
	readiness_alive(&m->service);
	assert_string_equal(told(m), "");
}

static void children_are_not_told_where_the_manager_listens(void **state)
{
	struct manager *m = *state;

	setenv("WATCHDOG_USEC", "1000", 1);
	open_it(m);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
}

static void an_abstract_socket_is_one_too(void **state)
{
	struct manager *m = *state;
	char name[64];
	int before = m->socket;

	snprintf(name, sizeof(name), "@sawatch-test-%d", (int)getpid());
	setenv("NOTIFY_SOCKET", name, 1);
	name[0] = '\0';
	m->socket = listen_at(name, 1 + strlen(name + 1));
	open_it(m);
	readiness_ready(&m->service);
	assert_string_equal(told(m), "READY=1");
	close(m->socket);
	m->socket = before;
}

static void without_a_manager_nothing_happens(void **state)
{
	struct manager *m = *state;

	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "1000", 1);
	open_it(m);
	readiness_ready(&m->service);
	readiness_status(&m->service, "x");
	readiness_alive(&m->service);
	assert_string_equal(told(m), "");
}

static void a_manager_that_is_not_there_is_said(void **state)
{
	struct manager *m = *state;
	struct err e;

	setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
	assert_false(readiness_open(&m->service, &e));
	assert_non_null(strstr(e.text, "/nonexistent/notify: No such file or directory"));
	setenv("NOTIFY_SOCKET", "relative", 1);
	assert_false(readiness_open(&m->service, &e));
	readiness_ready(&m->service);	/* and harmless */
}

static void a_manager_that_does_not_listen_holds_nobody_up(void **state)
{
	struct manager *m = *state;
	char text[32];

	setenv("WATCHDOG_USEC", "2", 1);
	open_it(m);
	for (int i = 0; i < 100000; i++) {	/* more than any queue holds */
		snprintf(text, sizeof(text), "%d", i);
		readiness_status(&m->service, text);
		readiness_alive(&m->service);
	}
	assert_string_equal(told(m), "STATUS=0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_service_is_ready_when_it_says_so_and_not_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_reload_is_stamped_with_the_monotonic_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_status_is_told_once_and_on_one_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_watchdog_is_told_at_half_its_interval, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_watchdog_for_another_process_is_not_ours, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			children_are_not_told_where_the_manager_listens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_abstract_socket_is_one_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			without_a_manager_nothing_happens, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_manager_that_is_not_there_is_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_manager_that_does_not_listen_holds_nobody_up, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
