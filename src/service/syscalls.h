/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The system calls that are left when a process watches: none that makes a socket, starts a program
 * or asks for rights.
 */
#ifndef SAWATCH_SERVICE_SYSCALLS_H
#define SAWATCH_SERVICE_SYSCALLS_H

#include <stdbool.h>

#include <sawatch/err.h>

/*
 * While libseccomp works: when its memory is refused it loops for ever, or dies.  Then the process
 * ends with a line about it, at most some seconds later, although it blocks other signals.
 */
void syscalls_guard(bool on);

/*
 * From now on a call that is not on the list ends the process with SIGSYS.
 * *ret_stands false: this kernel cannot filter system calls.
 */
bool syscalls_confine(bool *ret_stands, struct err *e);

#endif
