/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line: the one place that sees every layer.  It reads arguments,
 * connects source, tracker, detectors, store and report, and says what went
 * wrong.  Refuses to know how any of them works.
 */
#ifndef SAWATCH_CLI_H
#define SAWATCH_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* What the shell gets; part of the contract (DESIGN 8). */
enum exit_status {
	EXIT_DONE = 0,
	EXIT_TROUBLE = 1,	/* wrong usage, or the world failed at run time */
	/* input that could not be opened or was damaged; the rest was kept */
	EXIT_INPUT = 2,
	EXIT_ALERTED = 10,	/* --fail-on, and such an alert is there */
};

/* The whole program; returns its exit status. */
int cli_main(int argc, char **argv);

/* One subcommand; argv[0] is its name. */
struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;	/* for the list */
	const char *help;	/* everything after the usage's first words */
};

extern const struct command cli_commands[];	/* ends with a NULL name */

int read_run(int argc, char **argv);		/* `sawatch -r …`: not a subcommand */
int tunnels_run(int argc, char **argv);
int sas_run(int argc, char **argv);
int exchanges_run(int argc, char **argv);
int alerts_run(int argc, char **argv);
int events_run(int argc, char **argv);
int lifetimes_run(int argc, char **argv);
int why_run(int argc, char **argv);
int learn_run(int argc, char **argv);
int prune_run(int argc, char **argv);
int check_run(int argc, char **argv);
int report_run(int argc, char **argv);
int explain_run(int argc, char **argv);
int config_run(int argc, char **argv);
int help_run(int argc, char **argv);

/* Help for all, or of one subcommand. */
void help_print(FILE *out);
void help_print_command(FILE *out, const struct command *c);
void help_print_version(FILE *out);
const struct command *command_find(const char *name);

/* One line to standard error: "sawatch: …". */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * The word of `words` (NULL-terminated) that is nearest to `word`, for "did you
 * mean"; NULL when none is near.
 */
const char *nearest_word(const char *word, const char *const *words);

/*
 * After getopt_long() said '?' or ':' with opterr 0: complain about the option it
 * refused, with the nearest long one.  `options` is its table.
 */
struct option;
void complain_about_option(int argc, char **argv, int answer, const struct option *options);

#endif
