/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/query_options.h"

#include <getopt.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/condition.h"
#include "cli/moment.h"

enum { OPTION_DB = 256, OPTION_TUNNEL, OPTION_CODE, OPTION_SEVERITY, OPTION_SINCE, OPTION_UNTIL,
OPTION_KIND,
       OPTION_JSON, OPTION_CSV };

static const struct option long_options[] = {
	{ "db", required_argument, NULL, OPTION_DB },
	{ "tunnel", required_argument, NULL, OPTION_TUNNEL },
	{ "code", required_argument, NULL, OPTION_CODE },
	{ "severity", required_argument, NULL, OPTION_SEVERITY },
	{ "since", required_argument, NULL, OPTION_SINCE },
	{ "until", required_argument, NULL, OPTION_UNTIL },
	{ "kind", required_argument, NULL, OPTION_KIND },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "csv", no_argument, NULL, OPTION_CSV },
	{ "output", required_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

static bool take_moment(const char *option, const char *text, nsec *ret)
{
	struct timespec now;
	struct err e;

	clock_gettime(CLOCK_REALTIME, &now);
	if (moment_parse(text, now.tv_sec * NSEC_PER_S + now.tv_nsec, ret, &e))
		return true;
	complain("%s %s", option, e.text);
	return false;
}

static bool take_code(struct query *q, const char *code)
{
	struct err e;

	q->scope.code = code;
	if (condition_known(code, &e))
		return true;
	complain("--code %s", e.text);
	return false;
}

static bool take_severity(struct query *q, const char *text)
{
	q->scope.min_severity = severity_parse(text);
	if (q->scope.min_severity < 0)
		complain("--severity %s: not a severity; write info, warning or critical", text);
	return q->scope.min_severity >= 0;
}

static bool take_format(struct query *q, enum table_format format)
{
	if (q->format != TABLE_ALIGNED && q->format != format) {
		complain("--json and --csv: one answer has one form; give one of them");
		return false;
	}
	q->format = format;
	return true;
}

static bool take_option(struct query *q, const char *command, unsigned extra, int option,
			const char *value)
{
	bool fits = option == OPTION_CODE || option == OPTION_SEVERITY ? extra & QUERY_ALERTS :
		    option == OPTION_KIND ? extra & QUERY_KIND :
		    option == OPTION_CSV ? !(extra & (QUERY_SUBJECT | QUERY_OUTPUT)) :
		    option == OPTION_JSON ? !(extra & QUERY_OUTPUT) :
		    option == 'o' ? extra & QUERY_OUTPUT : true;

	if (!fits) {
		complain("%s: has no such option; see sawatch %s --help", command, command);
		return false;
	}
	switch (option) {
	case OPTION_DB:
		q->database = value;
		return true;
	case OPTION_TUNNEL:
		q->scope.tunnel = value;
		return true;
	case OPTION_CODE:
		return take_code(q, value);
	case OPTION_SEVERITY:
		return take_severity(q, value);
	case OPTION_SINCE:
		return take_moment("--since", value, &q->scope.since);
	case OPTION_UNTIL:
		return take_moment("--until", value, &q->scope.until);
	case 'o':
		q->output = value;
		return true;
	case OPTION_KIND:
		q->kind = value;
		return true;
	case 'l':	/* as everywhere; an answer is whole and names nothing */
	case 'n':
	case 'q':
	case 'v':
		return true;
	case OPTION_JSON:
		return take_format(q, TABLE_JSON);
	default:
		return take_format(q, TABLE_CSV);
	}
}

static bool parse(struct query *q, int argc, char **argv, unsigned extra)
{
	int option;

	opterr = 0;
	optind = 0;	/* glibc: begin anew */
	while ((option = getopt_long(argc, argv, ":lno:qv", long_options, NULL)) != -1) {
		if (option == '?' || option == ':') {
			complain_about_option(argc, argv, option, long_options);
			return false;
		}
		if (!take_option(q, argv[0], extra, option, optarg))
			return false;
	}
	if (optind < argc && extra & QUERY_SUBJECT)
		q->subject = argv[optind++];
	if (optind < argc) {
		complain("%s %s: not expected here%s; see sawatch %s --help", argv[0], argv[optind],
			 q->database ? "" : ", and a history is named with --db", argv[0]);
		return false;
	}
	if (extra & QUERY_OUTPUT && !q->output) {
		complain("%s: needs -o FILE, the page to be written; - for standard output",
			 argv[0]);
		return false;
	}
	/* an empty table would be taken for good news */
	if (q->scope.since != NSEC_NONE && q->scope.until != NSEC_NONE &&
	    q->scope.since > q->scope.until) {
		complain("%s: --since is after --until; nothing lies between; exchange them",
			 argv[0]);
		return false;
	}
	if (!q->database) {
		complain("%s: needs --db FILE, the history that sawatch -r … --db FILE has written",
			 argv[0]);
		return false;
	}
	return true;
}

static void count_tunnel(void *user, const struct record_tunnel *r)
{
	(void)r;
	++*(size_t *)user;
}

/* An empty table for a misspelt tunnel would be taken for good news. */
static bool tunnel_is_there(struct query *q)
{
	struct store_scope scope = { .tunnel = q->scope.tunnel,
				     .since = NSEC_NONE,
				     .until = NSEC_NONE };
	size_t n = 0;
	struct record_sink sink = { .user = &n, .tunnel = count_tunnel };
	struct err e;

	if (!q->scope.tunnel)
		return true;
	if (!store_walk(q->store, &scope, &sink, &e)) {
		complain("%s", e.text);
		return false;
	}
	if (n == 0)
		complain("--tunnel %s: no such tunnel in %s; sawatch tunnels --db %s lists them",
			 q->scope.tunnel, q->database, q->database);
	return n > 0;
}

bool query_open(struct query *q, int argc, char **argv, unsigned extra)
{
	struct err e;

	*q = (struct query){ .format = TABLE_ALIGNED,
			     .scope = { .since = NSEC_NONE, .until = NSEC_NONE } };
	if (!parse(q, argc, argv, extra))
		return false;
	if (!store_open(&q->store, q->database, STORE_READ, NULL, &e)) {
		q->store = NULL;
		complain("%s", e.text);
		return false;
	}
	return tunnel_is_there(q);
}

void query_close(struct query *q)
{
	store_close(q->store, NULL);
}
