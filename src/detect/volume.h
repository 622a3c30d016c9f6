/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Were SAs replaced after a volume rather than after a time?  (VOLUME_EXPIRY of DETECTION-FACTS
 * 4.3)
 */
#ifndef SAWATCH_DETECT_VOLUME_H
#define SAWATCH_DETECT_VOLUME_H

#include <stdbool.h>
#include <stddef.h>

#include <sawatch/settings.h>

struct volume_verdict {
	bool volume;		/* yes */
	bool sure;		/* enough SAs for high confidence */
	double bytes;		/* mean of an SA */
	double age_s;		/* mean */
	const char *limit;	/* the vendor's limit that it is, NULL none known */
};

/* Volumes and ages (seconds) of the n latest retired SAs of one direction. */
struct volume_verdict volume_judge(const struct settings *s, const double *bytes,
				   const double *ages, size_t n);

#endif
