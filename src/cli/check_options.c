/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/check_options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/condition.h"
#include "cli/moment.h"

enum { PATIENCE_S = 10 };	/* below the time limits of the callers */

const char *const check_state_names[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };

void check_options_init(struct check_options *o)
{
	*o = (struct check_options){
		.scope = { .since = NSEC_NONE, .until = NSEC_NONE, .open_alerts = true },
		.max_age = NSEC_NONE, .stale_state = STATE_UNKNOWN, .patience_s = PATIENCE_S,
		.warning = { .text = "0" }, .critical = { .text = "0" },
	};
}

enum {
	OPTION_DB = 256, OPTION_TUNNEL, OPTION_SENSOR, OPTION_MAX_AGE, OPTION_STALE, OPTION_IGNORE,
	OPTION_SINCE,
};

static const struct option long_options[] = {
	{ "db", required_argument, NULL, OPTION_DB },
	{ "tunnel", required_argument, NULL, OPTION_TUNNEL },
	{ "sensor", required_argument, NULL, OPTION_SENSOR },
	{ "warning", required_argument, NULL, 'w' },
	{ "critical", required_argument, NULL, 'c' },
	{ "max-age", required_argument, NULL, OPTION_MAX_AGE },
	{ "stale", required_argument, NULL, OPTION_STALE },
	{ "ignore", required_argument, NULL, OPTION_IGNORE },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "timeout", required_argument, NULL, 't' },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

/* "90", "90s", "5m", "2h": a span of time. */
static bool span_parse(const char *text, nsec *ret, struct err *e)
{
	char with_unit[24];
	nsec moment;
	bool plain = *text && strspn(text, "0123456789") == strlen(text);

	snprintf(with_unit, sizeof(with_unit), "%s%s", text, plain ? "s" : "");
	if (strlen(text) >= sizeof(with_unit) - 1 ||
	    strspn(with_unit, "0123456789") + 1 != strlen(with_unit) ||
	    !moment_parse(with_unit, 0, &moment, NULL))
		return err_set(e, "\"%s\": not a span of time; write 90s, 5m or 2h", text);
	*ret = -moment;
	return true;
}

static bool take_ignored(struct check_options *o, const char *code, struct err *e)
{
	if (!condition_known(code, e))
		return false;
	if (o->n_ignored == CHECK_IGNORED_MAX)
		return err_set(e, "too many");
	o->ignored[o->n_ignored++] = code;
	return true;
}

static bool take_stale(struct check_options *o, const char *text, struct err *e)
{
	for (int i = STATE_WARNING; i <= STATE_UNKNOWN; i++)
		if (strcasecmp(text, check_state_names[i]) == 0) {
			o->stale_state = (enum check_state)i;
			return true;
		}
	return err_set(e, "\"%s\": not a state; write warning, critical or unknown", text);
}

static bool take_timeout(struct check_options *o, const char *text, struct err *e)
{
	char *end;
	long seconds = strtol(text, &end, 10);

	if (end == text || *end || seconds < 1 || seconds > 3600)
		return err_set(e, "\"%s\": not a number of seconds from 1 to 3600", text);
	o->patience_s = (int)seconds;
	return true;
}

static bool take_option(struct check_options *o, nsec now, int option, const char *value,
			struct err *e)
{
	switch (option) {
	case OPTION_DB:
		o->database = value;
		return true;
	case OPTION_TUNNEL:
		o->scope.tunnel = value;
		return true;
	case OPTION_SENSOR:
		o->sensor = value;
		return true;
	case 'w':
		return check_range_parse(value, &o->warning, e);
	case 'c':
		return check_range_parse(value, &o->critical, e);
	case 't':
		return take_timeout(o, value, e);
	case 'v':	/* of every plugin, up to three times */
		return true;
	case OPTION_MAX_AGE:
		return span_parse(value, &o->max_age, e);
	case OPTION_STALE:
		return take_stale(o, value, e);
	case OPTION_IGNORE:
		return take_ignored(o, value, e);
	default:
		return moment_parse(value, now, &o->scope.since, e);
	}
}

bool check_options_parse(struct check_options *o, nsec now, int argc, char **argv, struct err *e)
{
	int option, index = 0;
	struct err why;

	opterr = 0;
	optind = 0;	/* glibc: begin anew */
	while ((option = getopt_long(argc, argv, ":w:c:t:v", long_options, &index)) != -1) {
		if (option == '?' || option == ':')
			return err_set(e, "%s: %s; see sawatch check --help", argv[optind - 1],
				       option == '?' ? "no such option" : "needs a value");
		if (!take_option(o, now, option, optarg, &why))
			return err_set(e, "%s %s",
				       argv[optind - 1] == optarg ? argv[optind - 2]
								  : argv[optind - 1],
				       why.text);
	}
	if (optind < argc)
		return err_set(e, "%s: not expected here; a tunnel is named with --tunnel %s",
			       argv[optind], argv[optind]);
	if (!o->database)
		return err_set(e, "needs --db FILE, the history that sawatch -i ... "
				  "--db FILE writes");
	return true;
}
