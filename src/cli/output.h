/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where output goes: standard output as a citizen of pipes, files that must not be destroyed. */
#ifndef SAWATCH_CLI_OUTPUT_H
#define SAWATCH_CLI_OUTPUT_H

#include <stdbool.h>
#include <stdio.h>

/* From now on a reader that went away (`… | head -1`) ends the program quietly, with status 0. */
void output_may_end_early(void);

/* Columns of the terminal that `out` is; 0 when it is none. */
int output_columns(FILE *out);

/* Colour: only on a terminal that can, and without NO_COLOR (no-color.org). */
bool output_has_colour(FILE *out);

/* Both names are there and mean the same file, or they are the same name. */
bool output_same_file(const char *a, const char *b);

/* Everything written is out; otherwise complains, and is false. */
bool output_finish(FILE *out);

#endif
