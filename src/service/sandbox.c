/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/sandbox.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "instrumented.h"
#include "landlock.h"
#include "syscalls.h"

/* 0 where /proc does not tell. */
static unsigned threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned n = 0;

	if (!tasks)
		return 0;
	for (const struct dirent *d; (d = readdir(tasks)) != NULL;)
		n += d->d_name[0] != '.';
	closedir(tasks);
	return n;
}

bool sandbox_enter(const struct sandbox_folder *folders, size_t n, struct sandbox *ret,
		   struct err *e)
{
	*ret = (struct sandbox){ .left_out = INSTRUMENTED };
	if (ret->left_out)
		return true;
	assert(threads() <= 1);		/* Landlock would not hold the others */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(e, "sandbox: no_new_privs cannot be set: %s", strerror(errno));
	ret->landlock = landlock_abi();
	/* Landlock first: the list of system calls has none of its own */
	return (ret->landlock == 0 || landlock_confine(ret->landlock, folders, n, false, e)) &&
	       syscalls_confine(&ret->seccomp, e);
}

const char *sandbox_text(const struct sandbox *s, char ret[SANDBOX_TEXT_MAX])
{
	if (s->left_out)
		return "none, in a build with sanitizers or coverage";
	if (s->landlock == 0)
		return s->seccomp ? "seccomp; this kernel has no Landlock"
				  : "none, this kernel has neither seccomp nor Landlock";
	snprintf(ret, SANDBOX_TEXT_MAX,
		 s->seccomp ? "seccomp and Landlock (ABI %d)"
			    : "Landlock (ABI %d); this kernel has no seccomp",
		 s->landlock);
	return ret;
}
