/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/outlet_walls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/instrumented.h"
#include "service/landlock.h"
#include "service/syscalls.h"

enum {
	/* a listener, its connections, the queue, modules of a resolver */
	FILES = 96,
	ADDRESSES_BYTES = 256 << 20,		/* a queue, a page and its copies are some 30 MiB */
	FILE_BYTES = 16 << 20,			/* a page is at most 8 MiB */
};

#define CALL(name) SCMP_SYS(name),
#define END (-1)	/* of a list; calls that a machine has not are other numbers below 0 */

static const int always[] = {
	CALL(read) CALL(readv) CALL(write) CALL(writev) CALL(close) CALL(poll) CALL(ppoll)
	CALL(ppoll_time64) CALL(fcntl)
	CALL(fcntl64) CALL(brk) CALL(munmap) CALL(mremap) CALL(madvise) CALL(futex)
	CALL(futex_time64) CALL(getrandom)
	CALL(clock_gettime) CALL(clock_gettime64) CALL(gettimeofday) CALL(time) CALL(nanosleep)
	CALL(clock_nanosleep)
	CALL(clock_nanosleep_time64) CALL(rt_sigaction) CALL(rt_sigprocmask) CALL(rt_sigreturn)
	CALL(sigreturn)
	CALL(restart_syscall) CALL(alarm) CALL(setitimer) CALL(getpid) CALL(gettid) CALL(getppid)
	CALL(exit) CALL(exit_group) END
};

/* On a socket that is there. */
static const int talking[] = {
	CALL(sendto) CALL(sendmsg) CALL(sendmmsg) CALL(send) CALL(recvfrom) CALL(recvmsg)
	CALL(recv) CALL(setsockopt)
	CALL(getsockopt) CALL(getsockname) CALL(getpeername) CALL(shutdown) END
};

static const int serving[] = {
	CALL(accept) CALL(accept4) CALL(epoll_ctl) CALL(epoll_wait) CALL(epoll_pwait)
	CALL(epoll_pwait2) END
};

/* glibc and the modules that nsswitch.conf names */
static const int resolving[] = {
	CALL(bind) CALL(lseek) CALL(_llseek) CALL(pread64) CALL(fstat) CALL(fstat64)
	CALL(newfstatat) CALL(fstatat64) CALL(stat)
	CALL(stat64) CALL(lstat) CALL(lstat64) CALL(statx) CALL(access) CALL(faccessat)
	CALL(faccessat2) CALL(readlink)
	CALL(readlinkat) CALL(getdents64) CALL(uname) CALL(getuid) CALL(geteuid) CALL(getgid)
	CALL(getegid) END
};

/* Landlock says where */
static const int writing_files[] = {
	CALL(open) CALL(openat) CALL(fstat) CALL(fstat64) CALL(newfstatat) CALL(fchmod)
	CALL(rename) CALL(renameat)
	CALL(renameat2) CALL(unlink) CALL(unlinkat) END
};

/* A keeper begins workers, and a worker puts up walls of its own. */
static const int keeping[] = {
	CALL(fork) CALL(wait4) CALL(waitid) CALL(set_robust_list) CALL(rseq) CALL(prctl)
	CALL(seccomp) CALL(setrlimit)
	CALL(getrlimit) CALL(ugetrlimit) CALL(prlimit64) CALL(epoll_create1) CALL(epoll_create)
	CALL(eventfd2)
	CALL(getsockname) CALL(getsockopt) END
};

/* ---- system calls ---- */

static bool add(scmp_filter_ctx filter, int call, unsigned n, const struct scmp_arg_cmp *when)
{
	int status = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, n, when);

	return status == 0 || status == -EDOM;	/* this machine has no such call */
}

static bool add_all(scmp_filter_ctx filter, bool wanted, const int *calls)
{
	bool ok = true;

	for (; ok && wanted && *calls != END; calls++)
		ok = add(filter, *calls, 0, NULL);
	return ok;
}

/* Of these bits the argument has exactly those of `set`. */
static bool add_bits(scmp_filter_ctx filter, int call, unsigned argument, scmp_datum_t bits,
		     scmp_datum_t set)
{
	const struct scmp_arg_cmp are = {
		.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = bits, .datum_b = set
	};

	return add(filter, call, 1, &are);
}

static bool add_value(scmp_filter_ctx filter, int call, unsigned argument, scmp_datum_t value)
{
	const struct scmp_arg_cmp is = { .arg = argument, .op = SCMP_CMP_EQ, .datum_a = value };

	return add(filter, call, 1, &is);
}

static bool add_sockets(scmp_filter_ctx filter, const struct outlet_needs *n)
{
	const struct {
		bool wanted;
		int family;
	} families[] = {
		{ n->local || n->resolves, AF_UNIX }, { n->connects, AF_INET },
		{ n->connects, AF_INET6 },
		{ n->resolves, AF_NETLINK },
	};
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].wanted)
			ok = add_value(filter, SCMP_SYS(socket), 0,
				       (scmp_datum_t)families[i].family);
	if (ok && (n->local || n->connects))
		ok = add(filter, SCMP_SYS(connect), 0, NULL) &&
		     add_value(filter, SCMP_SYS(ioctl), 1, SIOCOUTQ) &&
		     add_value(filter, SCMP_SYS(ioctl), 1, FIONREAD);
	return ok;
}

/* Memory is never both written and run; a resolver's modules are files that are run. */
static bool add_memory(scmp_filter_ctx filter, bool modules)
{
	const scmp_datum_t both = PROT_WRITE | PROT_EXEC;
	bool ok = add_bits(filter, SCMP_SYS(mmap), 2, PROT_EXEC, 0) &&
		  add_bits(filter, SCMP_SYS(mmap2), 2, PROT_EXEC, 0) &&
		  add_bits(filter, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);

	return ok && (!modules || (add_bits(filter, SCMP_SYS(mmap), 2, both, PROT_EXEC) &&
				   add_bits(filter, SCMP_SYS(mmap2), 2, both, PROT_EXEC)));
}

static bool add_reading(scmp_filter_ctx filter)
{
	const scmp_datum_t writes = O_ACCMODE | O_CREAT | O_TRUNC;

	return add_bits(filter, SCMP_SYS(open), 1, writes, O_RDONLY) &&
	       add_bits(filter, SCMP_SYS(openat), 2, writes, O_RDONLY);
}

static bool add_rules(scmp_filter_ctx filter, const struct outlet_needs *n)
{
	return add_all(filter, true, always) &&
	       add_all(filter, n->local || n->connects || n->serves, talking) &&
	       add_all(filter, n->serves, serving) && add_all(filter, n->resolves, resolving) &&
	       add_all(filter, n->file != NULL, writing_files) && add_sockets(filter, n) &&
	       add_memory(filter, n->resolves) && (!n->resolves || add_reading(filter)) &&
	       add_value(filter, SCMP_SYS(tgkill), 0, (scmp_datum_t)getpid()); /* abort() */
}

static bool add_rules_of_keeper(scmp_filter_ctx filter, const struct outlet_needs *n)
{
	const scmp_datum_t no_process = CLONE_VM | CLONE_THREAD | CLONE_NEWUSER | CLONE_NEWNS |
					CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
					CLONE_NEWCGROUP;
	/* then glibc takes clone */
	int status = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

	return (status == 0 || status == -EDOM) && add_rules(filter, n) &&
	       add_all(filter, true, keeping) &&
	       add_bits(filter, SCMP_SYS(clone), 0, no_process, 0) &&
	       add_value(filter, SCMP_SYS(tgkill), 2, SIGABRT); /* abort() of a worker */
}

static bool confine_calls(const struct outlet_needs *n, bool keeper, struct err *e)
{
	scmp_filter_ctx filter;
	bool ok;

	syscalls_guard(true);
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	ok = filter && (keeper ? add_rules_of_keeper(filter, n) : add_rules(filter, n));
	if (ok)
		seccomp_load(filter);	/* a kernel that has none goes without */
	seccomp_release(filter);
	syscalls_guard(false);
	return ok || err_set(e, "sandbox: libseccomp does not take the list of system calls");
}

/* ---- files and limits ---- */

static bool confine_files(const struct outlet_needs *n, struct err *e)
{
	int abi = landlock_abi();
	char folder[PATH_MAX] = "/";
	char *slash;

	if (abi == 0)
		return true;
	if (n->file) {
		snprintf(folder, sizeof(folder), "%s", n->file);
		slash = strrchr(folder, '/');
		snprintf(slash ? slash + (slash == folder) : folder, 2, "%s", slash ? "" : ".");
	}

	const struct sandbox_folder list[] = { { .path = folder, .writable = n->file != NULL } };

	return landlock_confine(abi, list, n->file || n->resolves ? 1 : 0, n->connects, e);
}

static bool limit(enum __rlimit_resource what, rlim_t most)
{
	struct rlimit r;

	if (getrlimit(what, &r) != 0)
		return false;
	r.rlim_cur = r.rlim_max = r.rlim_max < most ? r.rlim_max : most;
	/* a manager that forbids it has its own */
	return setrlimit(what, &r) == 0 || errno == EPERM;
}

bool outlet_walls_of_keeper(const struct outlet_needs *n, struct err *e)
{
	if (INSTRUMENTED)
		return true;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(e, "no_new_privs cannot be set: %s", strerror(errno));
	if (!limit(RLIMIT_CORE, 0) || !limit(RLIMIT_NOFILE, FILES) ||
	    !limit(RLIMIT_AS, ADDRESSES_BYTES) || !limit(RLIMIT_FSIZE, n->file ? FILE_BYTES : 0))
		return err_set(e, "a limit cannot be set: %s", strerror(errno));
	return confine_files(n, e) && confine_calls(n, true, e);
}

bool outlet_walls(const struct outlet_needs *n, struct err *e)
{
	if (INSTRUMENTED)
		return true;
	if (!limit(RLIMIT_NPROC, 0))
		return err_set(e, "a limit cannot be set: %s", strerror(errno));
	return confine_calls(n, false, e);
}
