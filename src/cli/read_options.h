/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The options of `sawatch -r …` and `sawatch -i …`, as hands trained on tcpdump and tshark type
 * them.
 */
#ifndef SAWATCH_CLI_READ_OPTIONS_H
#define SAWATCH_CLI_READ_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/expected.h>
#include <sawatch/settings.h>

#include "cli/text_settings.h"

enum { READ_OPTIONS_WORKERS_MAX = 64 };

struct read_options {
	const char **paths;	/* -r, and the file names that follow it */
	size_t n_paths;
	char *filter;		/* -f and the remaining words, and-ed; NULL none */
	const char *write_path, *database, *sensor;
	uint64_t limit;		/* -c; UINT64_MAX none */
	int fail_on;		/* enum severity; -1 never */
	bool json, quiet, verbose, line_buffered, progress;
	bool help, version, print_filter, list_interfaces;
	const char **interfaces;	/* -i */
	size_t n_interfaces;
	const char *user;	/* -Z; NULL: not given */
	uint32_t snap_length, buffer_bytes;	/* -s, -B; 0: the usual ones */
	bool no_promiscuous;	/* -p */
	bool no_detect;		/* --no-detect */
	bool resume;		/* --resume */
	bool follow;		/* --follow */
	/* -j, --workers: threads that read, decode and track; 1 one for all */
	unsigned workers;
	int64_t keep_days, max_mb;	/* --keep, --max-db; -1 not given */
	const char *config;		/* --config; NULL none */
	const char **sets;		/* --set */
	size_t n_sets;
	struct settings settings;	/* defaults, then --config, then --set */
	struct expected expected;	/* of --config */
	struct text_settings texts;	/* --config, --set, then --syslog and the like */
	struct text_settings given;	/* --syslog and the like alone */
};

/* False: complained already.  read_options_free() in either case. */
bool read_options_parse(struct read_options *o, int argc, char **argv);

/*
 * The same for `sawatch why -r …`: the one word that is no file is what is asked about; NULL when
 * there is none.
 */
bool read_options_parse_question(struct read_options *o, int argc, char **argv,
				 const char **ret_subject);

/*
 * The settings and the inventory once more, from the same file as it is now and the same words.
 * `ret_expected` is empty before; false, with file:line and why: both are of no use.
 */
bool read_options_settings(const struct read_options *o, struct settings *ret,
			   struct expected *ret_expected, struct err *e);
/* And the settings that are words; `ret` is empty before. */
bool read_options_words(const struct read_options *o, struct text_settings *ret, struct err *e);
void read_options_free(struct read_options *o);

#endif
