/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Landlock: which files a process may reach, whoever it is. */
#ifndef SAWATCH_SERVICE_LANDLOCK_H
#define SAWATCH_SERVICE_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include <sawatch/err.h>
#include <sawatch/sandbox.h>

/* ABI that the kernel speaks; 0 when it has no Landlock, or keeps it switched off. */
int landlock_abi(void);

/*
 * For this thread and what it starts from now on: nothing but these folders, and no TCP unless
 * `network`.
 */
bool landlock_confine(int abi, const struct sandbox_folder *folders, size_t n, bool network,
		      struct err *e);

#endif
