/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sandbox that a process enters before it reads bytes from the network.  From then on it can
 * use what it has open, use files in a few folders, and start threads, but nothing else; nobody
 * can undo that.  Refuses to know what the files are.
 */
#ifndef SAWATCH_SANDBOX_H
#define SAWATCH_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#include <sawatch/err.h>

/* Files in it, and in folders in it, may be read; `writable`: also made, changed and removed. */
struct sandbox_folder {
	const char *path;
	bool writable;
};

/* What stands. */
struct sandbox {
	/*
	 * a system call that is not on the list ends the process (SIGSYS); socket() fails with
	 * EPERM
	 */
	bool seccomp;
	/* ABI of the kernel; 0: no Landlock, files are limited by their owners only */
	int landlock;
	/* this build is an instrumented one: it needs what the walls forbid */
	bool left_out;
};

/*
 * For the rest of the process's life, and what it starts.  Before its first other thread: those
 * that run already would stay outside.  no_new_privs is set, if it was not.  A folder that does not
 * exist is not an error, it just cannot be reached later.
 * A kernel that has one of the two or neither is no error either: `ret` tells.
 */
bool sandbox_enter(const struct sandbox_folder *folders, size_t n, struct sandbox *ret,
		   struct err *e);

/* One line for people: "seccomp and Landlock (ABI 7)". */
enum { SANDBOX_TEXT_MAX = 64 };
const char *sandbox_text(const struct sandbox *s, char ret[SANDBOX_TEXT_MAX]);

#endif
