/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Moments as people type them, for --since and --until. */
#ifndef SAWATCH_CLI_MOMENT_H
#define SAWATCH_CLI_MOMENT_H

#include <stdbool.h>

#include <sawatch/err.h>
#include <sawatch/nsec.h>

/*
 * "2026-11-22", "2026-11-22 04:30", "2026-11-22T04:30:51.5Z" (always UTC),
 * "@1795321851" (seconds since the epoch), or an age: "90s", "15m", "2h",
 * "7d", "4w" before `now`.
 */
bool moment_parse(const char *text, nsec now, nsec *ret, struct err *e);

#endif
