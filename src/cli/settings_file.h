/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The configuration file: settings in INI form, "churn.warn = 3" or "[churn]" and "warn = 3", and
 * the inventory: "[tunnel hq-branch1]" with peers, profile, and the settings that differ for it.
 */
#ifndef SAWATCH_CLI_SETTINGS_FILE_H
#define SAWATCH_CLI_SETTINGS_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include <sawatch/err.h>
#include <sawatch/expected.h>
#include <sawatch/settings.h>

#include "cli/text_settings.h"

/*
 * Change `s` by what the file says, and fill the empty `x` with the tunnels that it expects.
 * False with "file:line: …" for the first thing that is wrong; then both are as before.
 */
bool settings_file_read(struct settings *s, struct expected *x, const char *path, struct err *e);

/* The same from a stream that is called `name`. */
bool settings_stream_read(struct settings *s, struct expected *x, FILE *in, const char *name,
			  struct err *e);

/* The settings of the file that are words go to `t`. */
bool settings_file_words(struct text_settings *t, const char *path, struct err *e);

/* The same of one "key=value" of the command line; no other kind is looked at. */
bool settings_assign_words(struct text_settings *t, const char *assignment, struct err *e);

/* One "key=value" of the command line; one that is a word is only checked. */
bool settings_assign(struct settings *s, const char *assignment, struct err *e);

/*
 * All settings as a file that could be read again, with their explanations.  What has its default,
 * and another one for files, is commented out: it would count for both.
 */
void settings_print(FILE *out, const struct settings *s);

#endif
