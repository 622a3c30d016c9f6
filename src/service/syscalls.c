/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The list of TECH-NOTES 2.4: what strace shows of capture, SQLite and the writer's thread, and
 * what another glibc would use in its place.  glibc and compiler decide which, not this program:
 * tests/service/confined/confined.py runs the whole of it behind this list.
 */
#include "syscalls.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GUARD_S = 5 };		/* it takes some milliseconds */

#define CALL(name) SCMP_SYS(name),

static const int allowed[] = {
	/* descriptors */
	CALL(read) CALL(readv) CALL(pread64) CALL(preadv) CALL(preadv2) CALL(write) CALL(writev)
	CALL(pwrite64)
	CALL(pwritev) CALL(pwritev2) CALL(lseek) CALL(_llseek) CALL(close) CALL(close_range)
	CALL(dup) CALL(dup2) CALL(dup3)
	CALL(fcntl) CALL(fcntl64) CALL(flock) CALL(pipe) CALL(pipe2) CALL(eventfd2)
	CALL(timerfd_create)
	CALL(timerfd_settime) CALL(timerfd_gettime)
	CALL(poll) CALL(ppoll) CALL(ppoll_time64) CALL(select) CALL(_newselect) CALL(pselect6)
	CALL(pselect6_time64)
	CALL(epoll_create1) CALL(epoll_ctl) CALL(epoll_wait) CALL(epoll_pwait) CALL(epoll_pwait2)
	/* files: Landlock says which */
	CALL(open) CALL(openat) CALL(openat2) CALL(creat) CALL(access) CALL(faccessat)
	CALL(faccessat2) CALL(stat) CALL(stat64)
	CALL(fstat) CALL(fstat64) CALL(lstat) CALL(lstat64) CALL(newfstatat) CALL(fstatat64)
	CALL(statx) CALL(statfs)
	CALL(statfs64) CALL(fstatfs) CALL(fstatfs64) CALL(getdents64) CALL(getcwd) CALL(readlink)
	CALL(readlinkat)
	CALL(truncate) CALL(ftruncate) CALL(ftruncate64) CALL(fallocate) CALL(fadvise64)
	CALL(fadvise64_64)
	CALL(fsync) CALL(fdatasync) CALL(sync_file_range) CALL(fchmod) CALL(fchown) CALL(fchown32)
	CALL(umask) CALL(utimensat)
	CALL(rename) CALL(renameat) CALL(renameat2) CALL(unlink) CALL(unlinkat) CALL(mkdir)
	CALL(mkdirat) CALL(rmdir)
	/* sockets that are there already */
	CALL(bind) CALL(getsockopt) CALL(setsockopt) CALL(getsockname) CALL(getpeername)
	CALL(recvfrom) CALL(recvmsg)
	CALL(recvmmsg) CALL(sendmsg) CALL(shutdown)
	/* memory; never code, see below */
	CALL(brk) CALL(munmap) CALL(mremap) CALL(madvise) CALL(membarrier) CALL(mlock)
	CALL(mlock2) CALL(munlock) CALL(msync)
	/* threads */
	CALL(futex) CALL(futex_time64) CALL(set_robust_list) CALL(get_robust_list) CALL(rseq)
	CALL(set_tid_address)
	CALL(sched_yield) CALL(sched_getaffinity) CALL(sched_getparam) CALL(sched_getscheduler)
	CALL(getpriority) CALL(gettid)
	CALL(arch_prctl) CALL(exit) CALL(exit_group)
	/* time and chance */
	CALL(clock_gettime) CALL(clock_gettime64) CALL(clock_getres) CALL(clock_getres_time64)
	CALL(gettimeofday) CALL(time)
	CALL(nanosleep) CALL(clock_nanosleep) CALL(clock_nanosleep_time64) CALL(getrandom)
	/* signals; alarm() ends the guard of this list */
	CALL(alarm) CALL(setitimer) CALL(rt_sigaction) CALL(rt_sigprocmask) CALL(rt_sigreturn)
	CALL(rt_sigtimedwait) CALL(rt_sigtimedwait_time64)
	CALL(sigreturn) CALL(sigaltstack) CALL(restart_syscall) CALL(pause) CALL(wait4) CALL(waitid)
	/* about itself */
	CALL(getpid) CALL(getppid) CALL(getuid) CALL(geteuid) CALL(getgid) CALL(getegid)
	CALL(getuid32) CALL(geteuid32)
	CALL(getgid32) CALL(getegid32) CALL(getrlimit) CALL(ugetrlimit) CALL(getrusage)
	CALL(times) CALL(getcpu) CALL(sysinfo) CALL(uname)
};

/*
 * What a library may try, and does without: refused, not fatal.  clone3 says what it is to do in
 * memory, where a filter cannot look; glibc then uses clone.
 */
static const struct {
	int call, error;
} refused[] = {
	{ SCMP_SYS(socket), EPERM },		/* a late syslog() must not kill */
	{ SCMP_SYS(socketpair), EPERM },
	{ SCMP_SYS(connect), EPERM },
	{ SCMP_SYS(clone3), ENOSYS },
	{ SCMP_SYS(prlimit64), EPERM },
	{ SCMP_SYS(chown), EPERM },
	{ SCMP_SYS(chmod), EPERM },
};

static bool allow(scmp_filter_ctx filter, int call, unsigned n, const struct scmp_arg_cmp *when)
{
	int status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, n, when);

	return status == 0 || status == -EDOM;	/* this machine has no such call */
}

/* One argument has one value. */
static bool allow_only(scmp_filter_ctx filter, int call, unsigned argument, scmp_datum_t value)
{
	const struct scmp_arg_cmp is = { .arg = argument, .op = SCMP_CMP_EQ, .datum_a = value };

	return allow(filter, call, 1, &is);
}

/* Of these bits an argument has exactly those of `set`. */
static bool allow_bits(scmp_filter_ctx filter, int call, unsigned argument, scmp_datum_t bits,
		       scmp_datum_t set)
{
	const struct scmp_arg_cmp are = {
		.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = bits, .datum_b = set
	};

	return allow(filter, call, 1, &are);
}

static bool add_narrow_rules(scmp_filter_ctx filter)
{
	static const scmp_datum_t questions[] = {
		SIOCGIFFLAGS, SIOCGIFINDEX, SIOCGIFNAME, TCGETS, FIONREAD,
	};
	const scmp_datum_t thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
	bool ok = allow_bits(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0) &&
		  allow_bits(filter, SCMP_SYS(mmap2), 2, PROT_EXEC, 0) &&
		  allow_bits(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0) &&
		  allow_bits(filter, SCMP_SYS(clone), 0, thread, thread) &&
		  allow_only(filter, SCMP_SYS(prctl), 0, PR_SET_NAME) &&
		  allow_only(filter, SCMP_SYS(prctl), 0, PR_SET_VMA) &&
		  /* to the peer that it has, no other */
		  allow_only(filter, SCMP_SYS(sendto), 4, 0) &&
		  /* abort(), of an assertion */
		  allow_only(filter, SCMP_SYS(tgkill), 0, (scmp_datum_t)getpid());

	for (size_t i = 0; ok && i < sizeof(questions) / sizeof(questions[0]); i++)
		ok = allow_only(filter, SCMP_SYS(ioctl), 1, questions[i]);
	return ok;
}

static bool add_rules(scmp_filter_ctx filter)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (!allow(filter, allowed[i], 0, NULL))
			return false;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)refused[i].error),
					      refused[i].call, 0);

		if (status != 0 && status != -EDOM)
			return false;
	}
	return add_narrow_rules(filter);
}

static void too_late(int number)
{
	static const char words[] = "sawatch: sandbox: the list of system calls cannot be made; "
				    "memory is short\n";

	(void)number;
	if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0)
		_exit(2);
	_exit(1);
}

void syscalls_guard(bool on)
{
	static const int ends[] = { SIGALRM, SIGSEGV, SIGABRT };
	const struct sigaction act = { .sa_handler = on ? too_late : SIG_DFL };
	sigset_t these;

	alarm(0);
	sigemptyset(&these);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		sigaction(ends[i], &act, NULL);
		sigaddset(&these, ends[i]);
	}
	if (on) {
		sigprocmask(SIG_UNBLOCK, &these, NULL);
		alarm(GUARD_S);
	}
}

bool syscalls_confine(bool *ret_stands, struct err *e)
{
	scmp_filter_ctx filter;
	int status;
	bool ok;

	*ret_stands = false;
	syscalls_guard(true);
	filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!filter)
		return err_set(e, "sandbox: no memory for the list of system calls");
	/*
	 * Other threads, should there be any; a search tree, because poll and read are called for
	 * every batch; and no brake on the processor's speculation, which older kernels put on a
	 * filtered process.
	 */
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
	ok = add_rules(filter) || err_set(e, "sandbox: libseccomp does not take the list of "
					     "system calls");
	if (ok) {
		status = seccomp_load(filter);
		*ret_stands = status == 0;
		/*
		 * EINVAL, ENOSYS: not in this kernel; ECANCELED: libseccomp's word for whatever
		 * else it said
		 */
	}
	seccomp_release(filter);
	syscalls_guard(false);
	return ok;
}
