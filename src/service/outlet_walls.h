/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walls of an outlet's process: less than the monitor may, and another thing for each. */
#ifndef SAWATCH_OUTLET_WALLS_H
#define SAWATCH_OUTLET_WALLS_H

#include <stdbool.h>

#include <sawatch/err.h>

/* What is left of the world. */
struct outlet_needs {
	bool local;		/* connects to sockets of this machine */
	bool connects;		/* and to other machines */
	/* asks for their names: reads what a resolver reads, and loads its modules */
	bool resolves;
	bool serves;		/* answers on a socket that listens */
	const char *file;	/* makes it anew again and again; NULL none */
};

/*
 * Behind those of its keeper, and for good: no other program, no other process, small limits.  What
 * is not foreseen fails with EPERM: it must not end a process for what it can do without. A kernel
 * without seccomp or Landlock, and an instrumented build, have fewer walls.
 */
bool outlet_walls(const struct outlet_needs *n, struct err *e);

/*
 * First, for its keeper: no right to gain, and what such a process needs and what it takes to begin
 * one.
 */
bool outlet_walls_of_keeper(const struct outlet_needs *n, struct err *e);

#endif
