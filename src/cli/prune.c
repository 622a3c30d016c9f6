/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch prune`: deletes old rows, as a watching process does now and then. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

#include <sawatch/store_retention.h>

#include "cli/cli.h"
#include "cli/retain.h"
#include "cli/settings_file.h"

enum { STEP_ROWS = 20000 };

struct prune {
	const char *database, *sensor;
	struct settings settings;
	struct expected expected;	/* of --config; not needed */
	bool quiet;
};

static const struct option long_options[] = {
	{ "db", required_argument, NULL, 'd' },
	{ "keep", required_argument, NULL, 'k' },
	{ "max-db", required_argument, NULL, 'm' },
	{ "config", required_argument, NULL, 'c' },
	{ "set", required_argument, NULL, 's' },
	{ "quiet", no_argument, NULL, 'q' },
	{ NULL, 0, NULL, 0 },
};

static bool take_option(struct prune *p, int option, const char *value)
{
	struct err e;

	switch (option) {
	case 'd':
		p->database = value;
		return true;
	case 'k':
		if (retain_parse_days(value, &p->settings.history_keep_days))
			return true;
		complain("--keep %s: not a span of days; write 90d, 12w or 2y, or 0d to keep all",
			 value);
		return false;
	case 'm':
		if (retain_parse_mebibytes(value, &p->settings.history_max_mb))
			return true;
		complain("--max-db %s: not a size; write 500M, 2G or 1T", value);
		return false;
	case 'c':
	case 's':
		if (option == 'c' ? settings_file_read(&p->settings, &p->expected, value, &e) :
				    settings_assign(&p->settings, value, &e))
			return true;
		complain("%s", e.text);
		return false;
	case 'q':
		p->quiet = true;
		return true;
	default:
		return false;
	}
}

static bool parse(struct prune *p, int argc, char **argv)
{
	int option;

	settings_defaults(&p->settings);
	opterr = 0;
	optind = 0;	/* glibc: begin anew */
	while ((option = getopt_long(argc, argv, ":q", long_options, NULL)) != -1) {
		if (option == '?' || option == ':') {
			complain_about_option(argc, argv, option, long_options);
			return false;
		}
		if (!take_option(p, option, optarg))
			return false;
	}
	if (optind < argc || !p->database) {
		complain(optind < argc ? "prune %s: not an option; see sawatch prune --help"
				       : "prune: name the history: --db FILE%s",
			 optind < argc ? argv[optind] : "");
		return false;
	}
	return true;
}

static bool prune(const struct prune *p, struct store *s, struct err *e)
{
	struct store_retention r = retention_of(&p->settings);
	int64_t used[2], unused[2];
	bool more = true;

	r.rows = STEP_ROWS;
	if (!store_size(s, &used[0], &unused[0], e))
		return false;
	while (more)
		if (!store_retain(s, &r, &more, e))
			return false;
	if (!store_size(s, &used[1], &unused[1], e))
		return false;
	if (!p->quiet)
		printf("%s: %" PRIu64 " rows deleted, %" PRIu64 " rows of traffic added up;"
								" %.1f MiB, before %.1f MiB\n",
		       p->database, r.deleted, r.added_up, (double)(used[1] + unused[1]) / 1048576,
		       (double)(used[0] + unused[0]) / 1048576);
	if (r.max_bytes > 0 && used[1] > r.max_bytes)
		complain("%s: what lives, and the last hours, need more than --max-db allows",
			 p->database);
	return true;
}

int prune_run(int argc, char **argv)
{
	struct prune p = { .sensor = "local" };
	struct store *s = NULL;
	struct err e;
	int status = EXIT_TROUBLE;

	if (!parse(&p, argc, argv)) {
		expected_done(&p.expected);
		return EXIT_TROUBLE;
	}
	/* what is not there is not made: a question of a wrong name leaves no file */
	if (!store_open(&s, p.database, STORE_READ, NULL, &e) || !store_close(s, &e)) {
		complain("%s", e.text);
	} else if (!store_open(&s, p.database, STORE_WRITE, p.sensor, &e)) {
		complain("%s", e.text);
	} else {
		status = prune(&p, s, &e) ? EXIT_DONE : EXIT_TROUBLE;
		if (status != EXIT_DONE)
			complain("%s", e.text);
		if (!store_close(s, &e)) {
			complain("%s", e.text);
			status = EXIT_TROUBLE;
		}
	}
	expected_done(&p.expected);
	return status;
}
