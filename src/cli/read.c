/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch -r …`: captures in, diagnosis out. */
#include "cli/read.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/source.h>
#include <sawatch/store.h>

#include "cli/cli.h"
#include "cli/filter.h"
#include "cli/follow.h"
#include "cli/output.h"
#include "cli/read_options.h"
#include "cli/read_report.h"
#include "cli/reading.h"
#include "cli/watch.h"

bool store_inventory(struct store *s, const struct expected *x, struct err *e)
{
	bool ok = x->n == 0 || store_expected_clear(s, e);

	for (size_t i = 0; ok && i < x->n; i++)
		ok = store_expected(s, x->tunnel[i].peers, x->tunnel[i].name, e);
	return ok;
}

/* Where the records will go. */
static bool begin_records(struct reading *r, struct err *e)
{
	const struct read_options *o = r->options;

	if (reading_needs_no_store(r)) {
		r->diagnosis = read_diagnosis(o);
		return true;
	}
	if (o->follow && o->database)
		store_fixed_cache();
	if (!store_open(&r->store, o->database, STORE_WRITE, o->sensor, e))
		return false;
	if (reading_only_diagnoses(r))
		store_without_details(r->store);
	return store_inventory(r->store, &o->expected, e);
}

static int read_and_report(struct reading *r)
{
	int worst = -1;
	struct err e;
	char **list = reading_list(r);

	if (!list)
		return EXIT_INPUT;
	if (!begin_records(r, &e)) {
		complain("%s", e.text);
		source_list_free(list);
		return EXIT_TROUBLE;
	}
	reading_all(r, list);
	source_list_free(list);

	output_may_end_early();	/* what was read is safe by now */
	/* no diagnosis of what could not be stored: it would miss just that */
	if (r->n_captures > 0 && !r->store_failed && !read_report(r, &worst))
		r->failed = true;
	if (!store_close(r->store, &e)) {
		complain("%s", e.text);
		r->failed = true;
	}
	r->store = NULL;
	if (r->failed)
		return EXIT_TROUBLE;
	if (r->options->fail_on >= 0 && worst >= r->options->fail_on)
		return EXIT_ALERTED;	/* said even of a capture that is damaged somewhere */
	return r->input_failed ? EXIT_INPUT : EXIT_DONE;
}

/* `path` stands in the directory `directory`, and is there. */
static bool stands_in(const char *path, const char *directory)
{
	char folder[PATH_MAX];

	if (!realpath(path, folder))
		return false;
	*strrchr(folder, '/') = '\0';
	return output_same_file(folder[0] ? folder : "/", directory);
}

/* Writing over what is being read, or over the history, would destroy it. */
static bool write_path_is_safe(const struct read_options *o)
{
	const char *path = o->write_path;

	if (!path || strcmp(path, "-") == 0)
		return true;
	if (o->database && output_same_file(path, o->database)) {
		complain("-w %s: is the history, see --db; write to another file", path);
		return false;
	}
	for (size_t i = 0; i < o->n_paths; i++) {
		if (output_same_file(path, o->paths[i])) {
			complain("-w %s: is read with -r; write to another file", path);
			return false;
		}
		if (stands_in(path, o->paths[i])) {
			complain("-w %s: would be read as one of the captures in %s; "
				 "write elsewhere, or remove it first",
				 path, o->paths[i]);
			return false;
		}
	}
	return true;
}

static int print_filter(const struct read_options *o)
{
	char *both = filter_and(filter_builtin, o->filter);

	puts(both);
	free(both);
	return EXIT_DONE;
}

/* What is asked for instead of reading files; -1 when that is wanted. */
static int answer_at_once(struct read_options *o, const struct read_teller *teller)
{
	struct err e;

	if (o->help) {
		help_print(stdout);
		return EXIT_DONE;
	}
	if (o->version) {
		help_print_version(stdout);
		return EXIT_DONE;
	}
	if (o->list_interfaces)
		return watch_list_interfaces();
	if (o->filter && !source_filter_check(o->filter, &e)) {
		complain("%s", e.text);
		return EXIT_TROUBLE;
	}
	if (o->print_filter)
		return print_filter(o);
	if (o->n_interfaces > 0 && (o->n_paths > 0 || teller)) {
		complain("-i %s: interfaces are watched alone: sawatch -i %s --db FILE, "
			 "then ask the history", o->interfaces[0],
			 o->interfaces[0]);
		return EXIT_TROUBLE;
	}
	if (o->follow && (o->n_interfaces > 0 || teller || !follow_possible(o, &e))) {
		complain("%s", o->n_interfaces > 0 ? "--follow: is for files that grow; "
						     "-i goes on until it is stopped anyway" :
			 teller ? "--follow: goes with sawatch -r FILE only; "
				  "ask its history meanwhile: --db FILE" : e.text);
		return EXIT_TROUBLE;
	}
	if (!write_path_is_safe(o))
		return EXIT_TROUBLE;
	if (o->n_interfaces > 0)
		return watch_run(o);
	if (o->n_paths == 0) {
		complain("nothing to read: give -r FILE or -i INTERFACE; see sawatch --help");
		return EXIT_TROUBLE;
	}
	return -1;
}

int read_and_tell(struct read_options *o, const struct read_teller *teller)
{
	struct reading r = { .options = o, .teller = teller, .left = o->limit };
	int status;

	if (o->line_buffered)
		setvbuf(stdout, NULL, _IOLBF, 0);
	status = answer_at_once(o, teller);
	if (status < 0)
		status = read_and_report(&r);
	else
		status = output_finish(stdout) ? status : EXIT_TROUBLE;
	reading_done(&r);
	return status;
}

int read_run(int argc, char **argv)
{
	struct read_options o;
	int status = EXIT_TROUBLE;

	if (read_options_parse(&o, argc, argv))
		status = read_and_tell(&o, NULL);
	read_options_free(&o);
	return status;
}
