/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

#include "cli/cli.h"
#include "cli/output.h"

static int unknown_command(const char *word)
{
	const char *names[32] = { NULL };
	struct stat st;
	size_t n = 0;

	for (const struct command *c = cli_commands;
	     c->name && n + 1 < sizeof(names) / sizeof(names[0]); c++)
		names[n++] = c->name;

	const char *near = nearest_word(word, names);

	if (stat(word, &st) == 0)
		complain("%s: is a file, not a command; to read it: sawatch -r %s", word, word);
	else if (near)
		complain("%s: no such command; did you mean %s?", word, near);
	else
		complain("%s: no such command; sawatch --help lists them", word);
	return EXIT_TROUBLE;
}

/* A command behind its options; NULL when something is to be read, or asked of the program. */
static const struct command *late_command(int argc, char **argv)
{
	const struct command *late = NULL;

	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		bool short_option = word[0] == '-' && word[1] != '-';

		if ((short_option && strpbrk(word, "rihDV")) || strcmp(word, "--read") == 0 ||
		    strcmp(word, "--interface") == 0 || strcmp(word, "--help") == 0 ||
		    strcmp(word, "--version") == 0 || strcmp(word, "--list-interfaces") == 0)
			return NULL;
		if (!late && word[0] != '-')
			late = command_find(word);
	}
	return late;
}

static bool wants(const char *option, const char *letter, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], option) == 0 || strcmp(argv[i], letter) == 0)
			return true;
	return false;
}

/* Not even for a word: said without a buffer.  A transaction that was begun never was. */
static void no_memory(void)
{
	static const char text[] = "sawatch: memory: there is none left\n";
	ssize_t said = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)said;
	_exit(EXIT_TROUBLE);
}

int cli_main(int argc, char **argv)
{
	const struct command *c;
	int status;

	memory_set_end(no_memory);
	/* A reader of our diagnostics that goes away must not stop an import. */
	signal(SIGPIPE, SIG_IGN);
	if (output_columns(stdout) > 0)
		report_set_line_width(output_columns(stdout));
	if (argc < 2) {
		help_print(stderr);
		return EXIT_TROUBLE;
	}
	if (argv[1][0] == '-') {
		c = late_command(argc, argv);
		if (!c)
			return read_run(argc, argv);
		complain("%s: a command stands first: sawatch %s, then its options", c->name,
			 c->name);
		return EXIT_TROUBLE;
	}
	c = command_find(argv[1]);
	if (!c)
		return unknown_command(argv[1]);
	output_may_end_early();	/* questions change nothing */
	if (wants("--help", "-h", argc - 1, argv + 1)) {
		help_print_command(stdout, c);
		status = EXIT_DONE;
	} else if (wants("--version", "-V", argc - 1, argv + 1)) {
		help_print_version(stdout);
		status = EXIT_DONE;
	} else {
		status = c->run(argc - 1, argv + 1);
	}
	return output_finish(stdout) ? status : EXIT_TROUBLE;
}
