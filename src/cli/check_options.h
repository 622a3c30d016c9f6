/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `sawatch check` is asked: its options, and the states that a monitoring plugin answers with.
 */
#ifndef SAWATCH_CLI_CHECK_OPTIONS_H
#define SAWATCH_CLI_CHECK_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include <sawatch/err.h>
#include <sawatch/nsec.h>
#include <sawatch/store.h>

#include "cli/check_range.h"

/* As the guidelines of the Monitoring Plugins number them: the exit status. */
enum check_state { STATE_OK, STATE_WARNING, STATE_CRITICAL, STATE_UNKNOWN };

extern const char *const check_state_names[];	/* by state: "OK" ... "UNKNOWN" */

enum { CHECK_IGNORED_MAX = 64 };

struct check_options {
	const char *database, *sensor;	/* NULL: any sensor */
	struct store_scope scope;	/* --tunnel, --since */
	struct check_range warning, critical;
	nsec max_age;			/* NSEC_NONE: not given */
	enum check_state stale_state;
	const char *ignored[CHECK_IGNORED_MAX];
	size_t n_ignored;
	int patience_s;			/* seconds until the answer is UNKNOWN */
};

/* Those of no option at all. */
void check_options_init(struct check_options *o);

/*
 * Into `o`, which was initialised; ages are counted back from `now`.  Texts are
 * borrowed from argv.  False: `e` says what is wrong, without a name in front.
 */
bool check_options_parse(struct check_options *o, nsec now, int argc, char **argv, struct err *e);

#endif
