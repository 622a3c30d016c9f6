/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/output.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"

static void leave_quietly(int number)
{
	(void)number;
	_exit(EXIT_DONE);
}

void output_may_end_early(void)
{
	struct sigaction action = { .sa_handler = leave_quietly };

	sigaction(SIGPIPE, &action, NULL);
}

int output_columns(FILE *out)
{
	struct winsize size;

	return isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool output_has_colour(FILE *out)
{
	const char *no = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(fileno(out)) && !(no && *no) && terminal && strcmp(terminal, "dumb") != 0;
}

bool output_same_file(const char *a, const char *b)
{
	struct stat x, y;

	if (strcmp(a, b) == 0)
		return true;
	return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool output_finish(FILE *out)
{
	if (fflush(out) == 0 && !ferror(out))
		return true;
	if (errno != EPIPE)
		complain("output: cannot be written: %s; what was stored before is safe",
			 strerror(errno));
	return errno == EPIPE;
}
