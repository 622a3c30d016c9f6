/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch …` run as by a shell: in a child, what it prints kept for the test. */
#ifndef TESTS_CLI_RUN_H
#define TESTS_CLI_RUN_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/cli.h"

#define PCAPS TEST_SOURCE_DIR "/pcaps/"

struct result {
	int status;
	char *out, *err;	/* forgotten after the test */
};

/*
 * What the runs of one test printed.  Reachable until its end, even when it
 * fails: a child looks for leaks in what it inherits, too.
 */
static char *printed[256];
static size_t n_printed;

/* The teardown of every test that runs something. */
static inline int forget(void **state)
{
	(void)state;
	while (n_printed > 0)
		free(printed[--n_printed]);
	return 0;
}

static inline int file_without_name(void)
{
	char path[] = "/tmp/sawatch-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	return fd;
}

/* All of a file, which is closed. */
static inline char *contents(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);

	char *text = calloc(1, (size_t)st.st_size + 1);

	assert_non_null(text);
	assert_int_equal(pread(fd, text, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	assert_true(n_printed < sizeof(printed) / sizeof(printed[0]));
	return printed[n_printed++] = text;
}

/* Run `sawatch words…`, standard input from `input`; the words end with NULL. */
static inline struct result run_with(const char *input, ...)
{
	enum { WORDS_MAX = 24 };
	char *argv[WORDS_MAX + 1] = { (char[]){ "sawatch" } };
	int out = file_without_name(), err = file_without_name(), argc = 1, status;
	va_list words;

	va_start(words, input);
	for (const char *word = va_arg(words, const char *); word;
	     word = va_arg(words, const char *)) {
		assert_true(argc < WORDS_MAX);
		argv[argc++] = (char *)(uintptr_t)word;
	}
	va_end(words);
	fflush(NULL);

	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		int in = open(input, O_RDONLY);

		if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
			_exit(99);
		exit(cli_main(argc, argv));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return (struct result){ .status = WEXITSTATUS(status),
				.out = contents(out),
				.err = contents(err) };
}

#define RUN(...) run_with("/dev/null", __VA_ARGS__, NULL)

/* ---- a folder of its own for each group of tests ---- */

static inline int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static inline int enter_folder(void **state)
{
	char *folder = strdup("/tmp/sawatch-test-XXXXXX");

	*state = folder;
	return folder && mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static inline int leave_folder(void **state)
{
	int failed = chdir("/") != 0 || nftw(*state, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0;

	free(*state);
	return failed;
}

#endif
