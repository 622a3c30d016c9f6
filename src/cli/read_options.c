/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/read_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sawatch/memory.h>
#include <sawatch/record.h>

#include "cli/cli.h"
#include "cli/filter.h"
#include "cli/retain.h"
#include "cli/settings_file.h"

enum { OPTION_JSON = 256, OPTION_DB, OPTION_CONFIG, OPTION_SET, OPTION_FAIL_ON, OPTION_PROGRESS,
       OPTION_PRINT_FILTER, OPTION_SENSOR, OPTION_FOLLOW, OPTION_NO_DETECT, OPTION_RESUME,
       OPTION_KEEP, OPTION_MAX_DB };

enum { OPTION_SYSLOG = 1024, OPTION_METRICS_FILE, OPTION_METRICS_LISTEN, OPTION_ON_ALERT };

static const struct option long_options[] = {
	{ "read", required_argument, NULL, 'r' },
	{ "interface", required_argument, NULL, 'i' },
	{ "user", required_argument, NULL, 'Z' },
	{ "snapshot-length", required_argument, NULL, 's' },
	{ "buffer-size", required_argument, NULL, 'B' },
	{ "no-promiscuous-mode", no_argument, NULL, 'p' },
	{ "list-interfaces", no_argument, NULL, 'D' },
	{ "filter", required_argument, NULL, 'f' },
	{ "count", required_argument, NULL, 'c' },
	{ "workers", required_argument, NULL, 'j' },
	{ "write", required_argument, NULL, 'w' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "db", required_argument, NULL, OPTION_DB },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "set", required_argument, NULL, OPTION_SET },
	{ "sensor", required_argument, NULL, OPTION_SENSOR },
	{ "fail-on", required_argument, NULL, OPTION_FAIL_ON },
	{ "progress", no_argument, NULL, OPTION_PROGRESS },
	{ "print-filter", no_argument, NULL, OPTION_PRINT_FILTER },
	{ "follow", no_argument, NULL, OPTION_FOLLOW },
	{ "no-detect", no_argument, NULL, OPTION_NO_DETECT },
	{ "syslog", required_argument, NULL, OPTION_SYSLOG },
	{ "metrics-file", required_argument, NULL, OPTION_METRICS_FILE },
	{ "metrics-listen", required_argument, NULL, OPTION_METRICS_LISTEN },
	{ "on-alert", required_argument, NULL, OPTION_ON_ALERT },
	{ "resume", no_argument, NULL, OPTION_RESUME },
	{ "keep", required_argument, NULL, OPTION_KEEP },
	{ "max-db", required_argument, NULL, OPTION_MAX_DB },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/*
 * '-' in front: words come in their place, as option 1; ':' so that a missing value is told apart.
 */
static const char short_options[] = "-:r:i:f:c:j:w:Z:s:B:DnNqvltpSVh";

/* What the words collect on the way. */
struct words {
	/* --syslog and the like: they win over --config and --set */
	struct text_settings texts;
	const char **filter;	/* in order */
	size_t n_filter;
	const char *expression;
};

/*
 * Words of the filter language are never file names, even where a directory is
 * called "esp": whoever means that writes ./esp.
 */
static bool is_filter_word(const char *word)
{
	static const char *const language[] = {
		"host", "net", "port", "portrange", "src", "dst", "proto", "ip", "ip6", "tcp",
		"udp", "icmp", "icmp6",
		"esp", "ah", "ike", "arp", "ether", "vlan", "mpls", "pppoes", "not", "and", "or",
		"less", "greater",
		"broadcast", "multicast", "inbound", "outbound", "gateway", NULL,
	};

	for (size_t i = 0; language[i]; i++)
		if (strcmp(word, language[i]) == 0)
			return true;
	return false;
}

/*
 * A word with ".pcap" in it is a file name even when there is no such file: that must be said, not
 * compiled.
 */
static bool is_path(const char *word)
{
	struct stat st;

	return strcmp(word, "-") == 0 || strstr(word, ".pcap") || stat(word, &st) == 0;
}

/*
 * `sawatch -r a.pcap b.pcap host 192.0.2.1`: files first, from the first word that is none on,
 * filter.
 */
static void take_word(struct read_options *o, struct words *w, const char *word)
{
	if (o->n_paths > 0 && w->n_filter == 0 && !is_filter_word(word) && is_path(word))
		o->paths[o->n_paths++] = word;
	else
		w->filter[w->n_filter++] = word;
}

static bool take_count(struct read_options *o, const char *text)
{
	char *end;

	errno = 0;
	o->limit = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || o->limit == 0) {
		complain("-c %s: not a number of packets; write 1 or more", text);
		return false;
	}
	return true;
}

static bool take_workers(struct read_options *o, const char *text)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n < 1 || n > READ_OPTIONS_WORKERS_MAX) {
		complain("--workers %s: not a number of threads; write 1 to %d, 1 being the usual",
			 text, READ_OPTIONS_WORKERS_MAX);
		return false;
	}
	o->workers = (unsigned)n;
	return true;
}

/* A whole number that fits; 0 is the usual size, as with tcpdump.  False when complained. */
static bool take_size(const char *option, const char *text, unsigned long most, const char *what,
		      uint32_t *ret)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || n > most) {
		complain("%s %s: not %s; write 0 (the usual) to %lu", option, text, what, most);
		return false;
	}
	*ret = (uint32_t)n;
	return true;
}

/* -B in KiB, as tcpdump's. */
static bool take_buffer(struct read_options *o, const char *text)
{
	const unsigned long most = 2097151;	/* libpcap takes an int of bytes */

	if (!take_size("-B", text, most, "a buffer size in KiB", &o->buffer_bytes))
		return false;
	o->buffer_bytes *= 1024;
	return true;
}

static bool take_severity(struct read_options *o, const char *text)
{
	o->fail_on = severity_parse(text);
	if (o->fail_on < 0)
		complain("--fail-on %s: not a severity; write info, warning or critical", text);
	return o->fail_on >= 0;
}

static bool take_text(struct words *w, const char *key, const char *option, const char *value)
{
	struct err e;

	if (text_settings_set(&w->texts, key, value, &e))
		return true;
	complain("%s %s", option, e.text);
	return false;
}

/* What an option without a value switches on; NULL when it is none of these. */
static bool *flag_of(struct read_options *o, int option)
{
	switch (option) {
	case 'D':
		return &o->list_interfaces;
	case 'V':
		return &o->version;
	case 'h':
		return &o->help;
	case 'l':
		return &o->line_buffered;
	case 'p':
		return &o->no_promiscuous;
	case 'q':
		return &o->quiet;
	case 'v':
		return &o->verbose;
	case OPTION_FOLLOW:
		return &o->follow;
	case OPTION_JSON:
		return &o->json;
	case OPTION_NO_DETECT:
		return &o->no_detect;
	case OPTION_PRINT_FILTER:
		return &o->print_filter;
	case OPTION_PROGRESS:
		return &o->progress;
	case OPTION_RESUME:
		return &o->resume;
	default:
		return NULL;
	}
}

/* Where a value is kept as it was typed; NULL when it is to be read, or goes to others. */
static const char **word_of(struct read_options *o, struct words *w, int option)
{
	switch (option) {
	case 'Z':
		return &o->user;
	case 'f':
		return &w->expression;
	case 'w':
		return &o->write_path;
	case OPTION_CONFIG:
		return &o->config;
	case OPTION_DB:
		return &o->database;
	case OPTION_SENSOR:
		return &o->sensor;
	default:
		return NULL;
	}
}

/* Values that are numbers and the like; false when complained. */
static bool take_value(struct read_options *o, struct words *w, int option, const char *value)
{
	switch (option) {
	case 'B':
		return take_buffer(o, value);
	case 'c':
		return take_count(o, value);
	case 'j':
		return take_workers(o, value);
	case 's':
		return take_size("-s", value, 262144, "a snapshot length in bytes",
				 &o->snap_length);
	case OPTION_FAIL_ON:
		return take_severity(o, value);
	case OPTION_KEEP:
		if (!retain_parse_days(value, &o->keep_days))
			complain("--keep %s: not a span of days; write 90d, 12w or 2y, "
				 "or 0d to keep all", value);
		return o->keep_days >= 0;
	case OPTION_MAX_DB:
		if (!retain_parse_mebibytes(value, &o->max_mb))
			complain("--max-db %s: not a size; write 500M, 2G or 1T", value);
		return o->max_mb >= 0;
	case OPTION_METRICS_FILE:
		return take_text(w, "output.metrics_file", "--metrics-file", value);
	case OPTION_METRICS_LISTEN:
		return take_text(w, "output.metrics_listen", "--metrics-listen", value);
	case OPTION_ON_ALERT:
		return take_text(w, "output.on_alert", "--on-alert", value);
	case OPTION_SYSLOG:
		return take_text(w, "output.syslog", "--syslog", value);
	default:	/* -n -N -t -S: names are never resolved */
		return true;
	}
}

/* One option, or a word among them; false when complained. */
static bool take_option(struct read_options *o, struct words *w, int option, const char *value)
{
	bool *flag = flag_of(o, option);
	const char **word = word_of(o, w, option);

	if (flag)
		*flag = true;
	else if (word)
		*word = value;
	else if (option == 1)
		take_word(o, w, value);
	else if (option == 'r')
		o->paths[o->n_paths++] = value;
	else if (option == 'i')
		o->interfaces[o->n_interfaces++] = value;
	else if (option == OPTION_SET)
		o->sets[o->n_sets++] = value;
	else
		return take_value(o, w, option, value);
	return true;
}

/* All words of a filter in one text. */
static char *joined(const char **words, size_t n)
{
	size_t length = 1;

	for (size_t i = 0; i < n; i++)
		length += strlen(words[i]) + 1;

	char *ret = calloc(1, length);
	char *end = ret;

	memory_or_end(ret);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*end++ = ' ';
		end = stpcpy(end, words[i]);
	}
	return ret;
}

bool read_options_settings(const struct read_options *o, struct settings *ret,
			   struct expected *ret_expected, struct err *e)
{
	if (o->n_paths > 0 && !o->follow)
		settings_defaults_of_files(ret);
	else
		settings_defaults(ret);
	if (o->config && !settings_file_read(ret, ret_expected, o->config, e))
		return false;
	for (size_t i = 0; i < o->n_sets; i++)
		if (!settings_assign(ret, o->sets[i], e)) {
			expected_done(ret_expected);
			return false;
		}
	if (o->keep_days >= 0)
		ret->history_keep_days = o->keep_days;
	if (o->max_mb >= 0)
		ret->history_max_mb = o->max_mb;
	return true;
}

bool read_options_words(const struct read_options *o, struct text_settings *ret, struct err *e)
{
	if (o->config && !settings_file_words(ret, o->config, e))
		return false;
	for (size_t i = 0; i < o->n_sets; i++)
		if (!settings_assign_words(ret, o->sets[i], e))
			return false;
	text_settings_take(ret, &o->given);
	return true;
}

static bool settle(struct read_options *o, const struct words *w)
{
	struct err e;
	char *words = joined(w->filter, w->n_filter);

	o->filter = filter_and(w->expression, words);
	free(words);
	text_settings_take(&o->given, &w->texts);
	if (!read_options_settings(o, &o->settings, &o->expected, &e) ||
	    !read_options_words(o, &o->texts, &e)) {
		complain("%s", e.text);
		return false;
	}
	if (o->resume && !o->database) {
		complain("--resume: goes on with what a database holds; name it with --db FILE");
		return false;
	}
	return true;
}

static bool take_subject(struct words *w, const char **ret_subject)
{
	if (w->n_filter > 1) {
		complain("%s: asks about one thing at a time, after %s; a filter goes with -f",
			 w->filter[1], w->filter[0]);
		return false;
	}
	*ret_subject = w->n_filter == 1 ? w->filter[0] : NULL;
	w->n_filter = 0;
	return true;
}

static bool parse(struct read_options *o, int argc, char **argv, const char **ret_subject)
{
	size_t most = (size_t)argc + 1;
	struct words w = { .filter = calloc(most, sizeof(char *)) };
	bool ok = true;
	int option;

	*o = (struct read_options){ .limit = UINT64_MAX,
				    .workers = 1,
				    .fail_on = -1,
				    .sensor = "local",
				    .keep_days = -1,
				    .max_mb = -1 };
	o->paths = calloc(most, sizeof(char *));
	o->interfaces = calloc(most, sizeof(char *));
	o->sets = calloc(most, sizeof(char *));
	memory_or_end(o->paths && o->interfaces && o->sets && w.filter);

	opterr = 0;
	optind = 0;	/* glibc: begin anew */
	while (ok && (option = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		ok = option != '?' && option != ':';
		if (!ok)
			complain_about_option(argc, argv, option, long_options);
		else
			ok = take_option(o, &w, option, optarg);
	}
	for (; ok && optind < argc; optind++)	/* after "--" */
		w.filter[w.n_filter++] = argv[optind];
	if (ok && ret_subject)
		ok = take_subject(&w, ret_subject);
	ok = ok && settle(o, &w);
	free(w.filter);
	text_settings_done(&w.texts);
	return ok;
}

bool read_options_parse(struct read_options *o, int argc, char **argv)
{
	return parse(o, argc, argv, NULL);
}

bool read_options_parse_question(struct read_options *o, int argc, char **argv,
				 const char **ret_subject)
{
	*ret_subject = NULL;
	return parse(o, argc, argv, ret_subject);
}

void read_options_free(struct read_options *o)
{
	expected_done(&o->expected);
	text_settings_done(&o->texts);
	text_settings_done(&o->given);
	free(o->filter);
	free(o->paths);
	free(o->interfaces);
	free(o->sets);
}
