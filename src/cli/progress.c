/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/nsec.h>
#include <sawatch/report.h>

enum { SHOWN_PER_SECOND = 4 };

static int64_t monotonic_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC_PER_S + t.tv_nsec;
}

void progress_init(struct progress *p, bool always)
{
	bool terminal = isatty(STDERR_FILENO);

	*p = (struct progress){ .wanted = always || terminal, .terminal = terminal };
	if (p->wanted) {
		p->begun_ns = monotonic_ns();
		p->next_ns = p->begun_ns + NSEC_PER_S / SHOWN_PER_SECOND;
	}
}

bool progress_is_due(const struct progress *p)
{
	return p->wanted && monotonic_ns() >= p->next_ns;
}

void progress_show(struct progress *p, const struct source_info *info)
{
	int64_t now = monotonic_ns();
	char *name = report_printable(info->name);
	double seconds = (double)(now - p->begun_ns) / (double)NSEC_PER_S;

	fprintf(stderr, "%s%s: ", p->terminal ? "\r\033[K" : "", name);
	if (info->size_bytes > 0)
		fprintf(stderr, "%.0f %% of ",
			100.0 * (double)info->read_bytes / (double)info->size_bytes);
	fprintf(stderr, "%.1f MB, %" PRIu64 " packets, %.2f million/s%s",
		(double)(info->size_bytes > 0 ? info->size_bytes : info->read_bytes) / 1e6,
		info->frames, (double)info->frames / seconds / 1e6, p->terminal ? "" : "\n");
	fflush(stderr);
	p->next_ns = now + NSEC_PER_S / SHOWN_PER_SECOND;
	free(name);
	p->shown = p->terminal;
}

void progress_clear(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
