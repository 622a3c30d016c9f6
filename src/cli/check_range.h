/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threshold ranges of the Monitoring Plugins guidelines: "5", "5:", "~:5", "5:10", "@5:10". */
#ifndef SAWATCH_CLI_CHECK_RANGE_H
#define SAWATCH_CLI_CHECK_RANGE_H

#include <stdbool.h>

#include <sawatch/err.h>

struct check_range {
	const char *text;	/* as given, for the performance data */
	double low, high;	/* may be infinite */
	bool inside;		/* '@': it is the inside that is bad */
};

/* `text` must outlive `ret`. */
bool check_range_parse(const char *text, struct check_range *ret, struct err *e);

/* Should there be an alarm at this value? */
bool check_range_alarms(const struct check_range *r, double value);

#endif
