/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each attempt is made by a child behind the walls of an outlet. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <netdb.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sawatch/privileges.h>

#include "service/landlock.h"
#include "service/outlet_walls.h"

enum { DONE = 90, NO_WALLS = 91, DIED = 92 };

static char folder[64], page[96], other[96];
static struct sockaddr_in listener_at;
static int listener;

static const struct outlet_needs to_socket = { .local = true }, to_number = { .connects = true },
	to_name = { .connects = true, .resolves = true }, server = { .serves = true },
	writer = { .file = page },
	both = { .serves = true, .file = page };

static const struct outlet_needs *const all[] = {
	&to_socket, &to_number, &to_name, &server, &writer, &both,
};

/* DONE, or the errno of what was refused. */
static int tried_behind(const struct outlet_needs *n, bool keeper, int (*attempt)(void))
{
	pid_t child = fork();
	struct err e;
	int status;

	if (child == 0) {
		if (!privileges_give_up(&e) || !outlet_walls_of_keeper(n, &e) ||
		    (!keeper && !outlet_walls(n, &e)))
			_exit(NO_WALLS);
		errno = 0;
		_exit(attempt() >= 0 ? DONE : errno);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : DIED;
}

static int tried(const struct outlet_needs *n, int (*attempt)(void))
{
	return tried_behind(n, false, attempt);
}

static int start_program(void)
{
	char sh[] = "sh", *words[] = { sh, NULL }, *none[] = { NULL };

	return execve("/bin/sh", words, none);
}

static int fork_once(void)
{
	return fork();
}

static int trace_the_monitor(void)
{
	return ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0 ? 0 : -1;
}

static int signal_the_monitor(void)
{
	return kill(getppid(), 0);
}

static int listen_to_packets(void)
{
	return socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
}

static int run_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		       ? -1
		       : 0;
}

static int make_memory_run(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? 0 : mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static int write_elsewhere(void)
{
	return open(other, O_WRONLY | O_CREAT, 0644);
}

static int read_elsewhere(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int write_page(void)
{
	int fd = open(page, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	char renamed[128];

	snprintf(renamed, sizeof(renamed), "%s.new", page);
	return fd >= 0 && write(fd, "x", 1) == 1 && fchmod(fd, 0644) == 0 &&
			       rename(page, renamed) == 0
		       ? unlink(renamed)
		       : -1;
}

static int connect_out(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1
		      : connect(fd, (const struct sockaddr *)&listener_at, sizeof(listener_at));
}

static int listen_anew(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? -1 : listen(fd, 1);
}

static int answer(void)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	int fd = accept4(listener, (struct sockaddr *)&from, &size, SOCK_NONBLOCK);

	return fd < 0 && errno == EAGAIN ? 0 : fd;
}

static int find_name(void)
{
	struct addrinfo *list;

	return getaddrinfo("localhost", "1", NULL, &list) == 0 ? 0 : -1;
}

static void nobody_gains_anything(void **state)
{
	int (*const attempts[])(void) = {
		start_program, fork_once, trace_the_monitor, signal_the_monitor, listen_to_packets,
		run_memory, make_memory_run,
		listen_anew,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		for (size_t k = 0; k < sizeof(attempts) / sizeof(attempts[0]); k++)
			if (tried(all[i], attempts[k]) != EPERM)
				fail_msg("needs %zu, attempt %zu: %d", i, k,
					 tried(all[i], attempts[k]));
}

static int fork_and_wait(void)
{
	pid_t child = fork();
	int status = 1;

	if (child == 0)
		_exit(0);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

static int have_a_user_namespace(void)
{
	return (int)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0);
}

static void a_keeper_begins_processes_and_nothing_else(void **state)
{
	int (*const attempts[])(void) = {
		start_program, trace_the_monitor, signal_the_monitor, listen_to_packets, run_memory,
		make_memory_run, listen_anew,
		have_a_user_namespace,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		assert_int_equal(tried_behind(all[i], true, fork_and_wait), DONE);
		for (size_t k = 0; k < sizeof(attempts) / sizeof(attempts[0]); k++)
			if (tried_behind(all[i], true, attempts[k]) != EPERM)
				fail_msg("needs %zu, attempt %zu: %d", i, k,
					 tried_behind(all[i], true, attempts[k]));
	}
}

static void only_who_sends_connects_and_only_who_serves_accepts(void **state)
{
	(void)state;
	assert_int_equal(tried(&to_number, connect_out), DONE);
	assert_int_equal(tried(&to_name, connect_out), DONE);
	assert_int_equal(tried(&to_socket, connect_out), EPERM);
	assert_int_equal(tried(&server, connect_out), EPERM);
	assert_int_equal(tried(&writer, connect_out), EPERM);
	assert_int_equal(tried(&server, answer), DONE);
	assert_int_equal(tried(&both, answer), DONE);
	assert_int_equal(tried(&to_name, answer), EPERM);
}

static void only_who_asks_for_names_reads_and_nobody_writes_but_the_page(void **state)
{
	(void)state;
	assert_int_equal(tried(&to_name, find_name), DONE);
	assert_int_equal(tried(&to_name, read_elsewhere), DONE);
	assert_int_equal(tried(&to_number, read_elsewhere), EPERM);
	assert_int_equal(tried(&server, read_elsewhere), EPERM);
	assert_int_equal(tried(&to_name, write_elsewhere), EPERM);
	assert_int_equal(tried(&writer, write_page), DONE);
	assert_int_equal(tried(&both, write_page), DONE);
	if (landlock_abi() == 0) {
		print_message("no Landlock: a writer's files are limited by their owners only\n");
		return;
	}
	assert_int_equal(tried(&writer, write_elsewhere), EACCES);
	assert_int_equal(tried(&writer, read_elsewhere), EACCES);
}

static int prepare(void **state)
{
	const struct sockaddr_in here = { .sin_family = AF_INET,
					  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(listener_at);

	(void)state;
	strcpy(folder, "/tmp/outlet-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(page, sizeof(page), "%s/page", folder);
	snprintf(other, sizeof(other), "%.60s-other", folder);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert_return_code(bind(listener, (const struct sockaddr *)&here, sizeof(here)), errno);
	assert_return_code(listen(listener, 64), errno);
	return getsockname(listener, (struct sockaddr *)&listener_at, &size);
}

static int clean_up(void **state)
{
	(void)state;
	unlink(other);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_gains_anything),
		cmocka_unit_test(a_keeper_begins_processes_and_nothing_else),
		cmocka_unit_test(only_who_sends_connects_and_only_who_serves_accepts),
		cmocka_unit_test(only_who_asks_for_names_reads_and_nobody_writes_but_the_page),
	};

	return cmocka_run_group_tests(tests, prepare, clean_up);
}
