/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "a.pcap  45 %  1.2 GB  8,123,000 packets  2.1 M/s" on standard error, four times a second. */
#ifndef SAWATCH_CLI_PROGRESS_H
#define SAWATCH_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/source.h>

struct progress {
	bool wanted;
	bool terminal;		/* the line is overwritten; else a new line each time */
	bool shown;		/* a line stands on the terminal */
	int64_t begun_ns, next_ns;	/* of the monotonic clock */
};

/* Wanted: always, or only when standard error is a terminal. */
void progress_init(struct progress *p, bool always);
bool progress_is_due(const struct progress *p);
void progress_show(struct progress *p, const struct source_info *info);
void progress_clear(struct progress *p);	/* before anything else is printed */

#endif
