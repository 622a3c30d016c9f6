/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a history forgets while it is written: a little at a time, on the writer's thread. */
#ifndef SAWATCH_CLI_RETAIN_H
#define SAWATCH_CLI_RETAIN_H

#include <stdatomic.h>
#include <stdbool.h>

#include <sawatch/err.h>
#include <sawatch/settings.h>
#include <sawatch/store_retention.h>
#include <sawatch/store_writer.h>

/* The limits of the history that these settings ask for. */
struct store_retention retention_of(const struct settings *s);

struct retain {
	struct store_retention sweep;
	atomic_bool under_way, more;
	unsigned pause;			/* flushes until the next sweep */
};

/* Once a second, behind a flush.  `r` is zero before the first, and outlives the writer. */
void retain_tick(struct retain *r, const struct settings *s, struct store_writer *writer);

/* "90d", "12w", "1y" in days; "500M", "2G" in mebibytes.  False: it is neither. */
bool retain_parse_days(const char *text, int64_t *ret);
bool retain_parse_mebibytes(const char *text, int64_t *ret);

#endif
