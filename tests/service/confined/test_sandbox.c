/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each attempt is made by a child, which tells by its exit status or by how it died. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sawatch/sandbox.h>

#include "service/landlock.h"

enum { DONE = 0, NOT_ENTERED = 90, STILL_ALIVE = 91 };

static char root[64], writable[96], readable[96], outside[96];
static int abi;	/* asked once: behind the walls it cannot be */

static char *in(const char *folder, const char *name)
{
	static char path[4][160];
	static unsigned turn;
	char *ret = path[turn++ % 4];

	snprintf(ret, sizeof(path[0]), "%s/%s", folder, name);
	return ret;
}

static void write_file(const char *path)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs("text\n", out);
	fclose(out);
}

static int make_folders(void **state)
{
	(void)state;
	abi = landlock_abi();
	strcpy(root, "/tmp/sandbox-XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(writable, sizeof(writable), "%s/writable", root);
	snprintf(readable, sizeof(readable), "%s/readable", root);
	snprintf(outside, sizeof(outside), "%s/outside", root);
	mkdir(writable, 0755);
	mkdir(readable, 0755);
	mkdir(outside, 0755);
	write_file(in(writable, "old"));
	write_file(in(readable, "old"));
	write_file(in(outside, "old"));
	assert_return_code(symlink(in(outside, "old"), in(writable, "link")), errno);
	return 0;
}

static int remove_folders(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void enter(void)
{
	const struct sandbox_folder folders[] = {
		{ writable, true }, { readable, false }, { "/nonexistent/folder", true },
	};
	struct sandbox stands;
	struct err e;

	if (!sandbox_enter(folders, 3, &stands, &e) || !stands.seccomp || stands.landlock != abi)
		_exit(NOT_ENTERED);
}

/* How a child ends that enters and then tries. */
static int tried(int (*attempt)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		const struct rlimit no_core = { 0, 0 };

		setrlimit(RLIMIT_CORE, &no_core);
		enter();
		_exit(attempt());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_done(int (*attempt)(void))
{
	int status = tried(attempt);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), DONE);
}

static void assert_killed(int (*attempt)(void), int number)
{
	int status = tried(attempt);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), number);
}

/* 0, or the number of the step that did not go as it should. */
#define STEPS(...)                                                                  \
	do {                                                                        \
		const bool steps[] = { __VA_ARGS__ };                               \
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)       \
			if (!steps[i])                                              \
				return (int)i + 1;                                  \
		return DONE;                                                        \
	} while (0)

static bool refused(int result, int why)
{
	return result < 0 && errno == why;
}

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	return fd >= 0 && close(fd) == 0;
}

/* ---- sockets, programs ---- */

static int open_sockets(void)
{
	STEPS(refused(socket(AF_INET, SOCK_STREAM, 0), EPERM),
	      refused(socket(AF_INET6, SOCK_DGRAM, 0), EPERM),
	      refused(socket(AF_UNIX, SOCK_DGRAM, 0), EPERM),
	      refused(socket(AF_PACKET, SOCK_RAW, 0), EPERM),
	      refused(socket(AF_NETLINK, SOCK_RAW, 0), EPERM));
}

static void no_socket_can_be_opened(void **state)
{
	(void)state;
	assert_done(open_sockets);
}

static int start_program(void)
{
	execl("/bin/true", "true", NULL);
	return STILL_ALIVE;
}

static int start_process(void)
{
	return fork() == 0 ? DONE : STILL_ALIVE;
}

static int send_signal(void)
{
	kill(getppid(), SIGUSR1);
	return STILL_ALIVE;
}

static void a_program_a_process_and_a_signal_to_others_are_the_end(void **state)
{
	(void)state;
	assert_killed(start_program, SIGSYS);
	assert_killed(start_process, SIGSYS);
	assert_killed(send_signal, SIGSYS);
}

static int run_data(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return DONE;
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	return STILL_ALIVE;
}

static void data_never_becomes_code(void **state)
{
	(void)state;
	assert_killed(run_data, SIGSYS);
}

static int fail_assertion(void)
{
	abort();
}

static void a_failed_assertion_still_says_what_it_is(void **state)
{
	(void)state;
	assert_killed(fail_assertion, SIGABRT);
}

/* ---- files ---- */

static int read_outside(void)
{
	STEPS(refused(open("/etc/passwd", O_RDONLY), EACCES),
	      refused(open("/proc/self/status", O_RDONLY), EACCES),
	      refused(open(in(outside, "old"), O_RDONLY), EACCES),
	      refused(open(in(writable, "../outside/old"), O_RDONLY), EACCES),
	      refused(open(in(writable, "link"), O_RDONLY), EACCES),
	      refused(open(root, O_RDONLY | O_DIRECTORY), EACCES));
}

static int write_outside(void)
{
	STEPS(refused(open(in(outside, "new"), O_WRONLY | O_CREAT, 0644), EACCES),
	      refused(open(in(outside, "old"), O_WRONLY), EACCES),
	      refused(unlink(in(outside, "old")), EACCES),
	      refused(open(in(readable, "new"), O_WRONLY | O_CREAT, 0644), EACCES),
	      refused(open(in(readable, "old"), O_WRONLY), EACCES),
	      refused(unlink(in(readable, "old")), EACCES),
	      rename(in(writable, "old"), in(outside, "old2")) < 0);
}

static int use_folders(void)
{
	STEPS(opens(in(readable, "old"), O_RDONLY), opens(readable, O_RDONLY | O_DIRECTORY),
	      opens(in(writable, "old"), O_RDWR),
	      opens(in(writable, "new"), O_RDWR | O_CREAT | O_EXCL),
	      truncate(in(writable, "old"), 1) == 0,
	      rename(in(writable, "new"), in(writable, "newer")) == 0,
	      unlink(in(writable, "newer")) == 0, opens(writable, O_RDONLY | O_DIRECTORY));
}

static bool has_landlock(void)
{
	if (abi > 0)
		return true;
	print_message("skipped: this kernel has no Landlock\n");
	return false;
}

static void no_file_outside_the_folders_can_be_read_not_even_by_a_link(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_done(read_outside);
}

static void no_file_outside_the_writable_folders_can_be_changed(void **state)
{
	(void)state;
	if (!has_landlock())
		skip();
	assert_done(write_outside);
}

static void files_in_the_folders_can_be_used(void **state)
{
	(void)state;
	assert_done(use_folders);
}

/* ---- threads ---- */

static void *behind_the_walls(void *ret)
{
	bool ok = open_sockets() == DONE && (abi == 0 || read_outside() == DONE) &&
		  use_folders() == DONE;

	*(int *)ret = ok ? DONE : STILL_ALIVE;
	return NULL;
}

static int start_thread(void)
{
	pthread_t thread;
	int ret = STILL_ALIVE;

	if (pthread_create(&thread, NULL, behind_the_walls, &ret) != 0)
		return 1;
	pthread_join(thread, NULL);
	return ret;
}

static void a_thread_can_be_started_and_stands_behind_the_same_walls(void **state)
{
	(void)state;
	assert_done(start_thread);
}

/* ---- what others see ---- */

static void the_kernel_says_so(void **state)
{
	int go[2], status;
	char path[64], line[256];
	unsigned seen = 0;
	pid_t child;
	FILE *in_proc;

	(void)state;
	assert_return_code(pipe(go), errno);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a test that fails leaves nobody behind */
		enter();
		if (write(go[1], "x", 1) == 1)
			pause();
		_exit(STILL_ALIVE);
	}
	close(go[1]);
	assert_int_equal(read(go[0], line, 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	in_proc = fopen(path, "r");
	assert_non_null(in_proc);
	while (fgets(line, sizeof(line), in_proc))
		seen += strcmp(line, "NoNewPrivs:\t1\n") == 0 || strcmp(line, "Seccomp:\t2\n") == 0;
	fclose(in_proc);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	assert_int_equal(seen, 2);
}

/* As on a kernel that has no such call. */
static void take_away(int call, const int *more)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0);
	if (more)	/* prctl(PR_SET_SECCOMP), the older way to the same */
		seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), *more, 1,
				 SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP));
	if (seccomp_load(filter) != 0)
		_exit(NOT_ENTERED);
	seccomp_release(filter);
}

static bool stands_without(int call, const int *more, bool seccomp, int landlock)
{
	const struct sandbox_folder folder = { writable, true };
	struct sandbox stands;
	pid_t child = fork();
	int status;

	if (child == 0) {
		take_away(call, more);
		_exit(sandbox_enter(&folder, 1, &stands, NULL) && stands.seccomp == seccomp &&
				      stands.landlock == landlock &&
				      opens(in(writable, "old"), O_RDWR)
			      ? DONE
			      : STILL_ALIVE);
	}
	waitpid(child, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == DONE;
}

static void an_older_kernel_has_less_and_that_is_no_error(void **state)
{
	const int prctl_call = SCMP_SYS(prctl);

	(void)state;
	assert_true(stands_without(SCMP_SYS(landlock_create_ruleset), NULL, true, 0));
	assert_true(stands_without(SCMP_SYS(seccomp), &prctl_call, false, abi));
}

static void what_stands_is_said_in_words(void **state)
{
	const struct {
		struct sandbox s;
		const char *text;
	} all[] = {
		{ { .seccomp = true, .landlock = 2 }, "seccomp and Landlock (ABI 2)" },
		{ { .seccomp = true }, "seccomp; this kernel has no Landlock" },
		{ { .landlock = 7 }, "Landlock (ABI 7); this kernel has no seccomp" },
		{ { .seccomp = false }, "none, this kernel has neither seccomp nor Landlock" },
		{ { .left_out = true }, "none, in a build with sanitizers or coverage" },
	};
	char text[SANDBOX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_string_equal(sandbox_text(&all[i].s, text), all[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_socket_can_be_opened),
		cmocka_unit_test(a_program_a_process_and_a_signal_to_others_are_the_end),
		cmocka_unit_test(data_never_becomes_code),
		cmocka_unit_test(a_failed_assertion_still_says_what_it_is),
		cmocka_unit_test(no_file_outside_the_folders_can_be_read_not_even_by_a_link),
		cmocka_unit_test(no_file_outside_the_writable_folders_can_be_changed),
		cmocka_unit_test(files_in_the_folders_can_be_used),
		cmocka_unit_test(a_thread_can_be_started_and_stands_behind_the_same_walls),
		cmocka_unit_test(the_kernel_says_so),
		cmocka_unit_test(an_older_kernel_has_less_and_that_is_no_error),
		cmocka_unit_test(what_stands_is_said_in_words),
	};

	return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
