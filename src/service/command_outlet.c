/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A command for each message, one at a time.  The command line is the operator's and nothing from a
 * packet ever becomes part of it: messages go to its standard input and, as far as the monitor made
 * the words itself, to its environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "service/outlet_end.h"

enum { LOOK_MS = 20, IDLE_MS = 1000 };

struct runner {
	const struct outlet_command *options;
	pid_t process;		/* leads a group of its own; 0: none runs */
	int input;		/* to the running command; -1: it has all of it */
	size_t given;		/* of the message at the front */
	const char *text;	/* what is for the standard input */
	int64_t kill_at_ms;
	double tokens;		/* runs that may begin now */
	int64_t filled_at_ms;
	bool failing;		/* told, until a run succeeds */
};

/* "NAME=VALUE\n…\n\nTEXT" -> the environment, and where TEXT begins. */
static const char *take_environment(const char *message, bool set)
{
	for (;;) {
		size_t length = strcspn(message, "\n");
		char line[512];

		if (length == 0)
			return *message ? message + 1 : message;
		if (set && length < sizeof(line)) {
			memcpy(line, message, length);
			line[length] = '\0';

			char *value = strchr(line, '=');

			if (value) {
				*value++ = '\0';
				setenv(line, value, 1);
			}
		}
		message += length + (message[length] == '\n');
	}
}

__attribute__((noreturn))
static void become(const struct runner *r, const char *message, int input)
{
	static const int usual[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE };

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
		signal(usual[i], SIG_DFL);
	take_environment(message, true);
	dup2(input, STDIN_FILENO);
	close_range(3, ~0U, 0);
	execl("/bin/sh", "sh", "-c", r->options->command, (char *)NULL);
	_exit(127);
}

static void begin_run(struct runner *r, struct outlet_end *end)
{
	struct message *m = message_queue_at(&end->waiting, 0);
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return;
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	r->process = fork();
	if (r->process == 0)
		become(r, m->text, ends[0]);
	close(ends[0]);
	if (r->process < 0) {
		r->process = 0;
		close(ends[1]);
		return;
	}
	setpgid(r->process, r->process);	/* whoever is first */
	end->ledger->group = r->process;
	r->input = ends[1];
	r->given = 0;
	r->text = take_environment(m->text, false);
	r->kill_at_ms = outlet_clock_ms() + r->options->timeout_ms;
	r->tokens -= 1;
}

static void feed(struct runner *r)
{
	size_t length = strlen(r->text);

	while (r->input >= 0) {
		ssize_t n = r->given < length
				    ? write(r->input, r->text + r->given, length - r->given)
				    : 0;

		if (n < 0 && errno == EAGAIN)
			return;
		if (n > 0)
			r->given += (size_t)n;
		if (n < 0 || r->given == length) {	/* it does not want more, or has all */
			close(r->input);
			r->input = -1;
		}
	}
}

static void finish(struct runner *r, struct outlet_end *end, int status, bool late)
{
	bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;

	if (r->input >= 0)
		close(r->input);
	r->input = -1;
	kill(-r->process, SIGKILL);		/* what it left running does not pile up */
	end->ledger->group = 0;
	r->process = 0;
	message_queue_pop(&end->waiting);
	end->report.sent++;
	end->report.up = good;
	if (late)
		outlet_end_news(end, "on-alert command: was stopped after %d s "
				     "(on_alert.timeout_s)", r->options->timeout_ms / 1000);
	else if (!good && !r->failing && WIFEXITED(status))
		outlet_end_news(end, "on-alert command: exit status %d%s", WEXITSTATUS(status),
				WEXITSTATUS(status) == 127 ? ", it cannot be found" : "");
	else if (!good && !r->failing)
		outlet_end_news(end, "on-alert command: ended by signal %d", WTERMSIG(status));
	r->failing = !good;
}

static void look_after(struct runner *r, struct outlet_end *end)
{
	bool late = outlet_clock_ms() >= r->kill_at_ms;
	int status;

	feed(r);
	if (late)
		kill(-r->process, SIGKILL);
	if (waitpid(r->process, &status, late ? 0 : WNOHANG) == r->process)
		finish(r, end, status, late);
}

/* A bucket that holds the runs of a minute. */
static bool may_run(struct runner *r, const struct outlet_end *end)
{
	int64_t now = outlet_clock_ms();
	double most = r->options->per_minute;

	r->tokens += (double)(now - r->filled_at_ms) * most / 60000;
	if (r->tokens > most)
		r->tokens = most;
	r->filled_at_ms = now;
	return r->tokens >= 1 || end->over;
}

static void run(void *self, struct outlet_end *end)
{
	struct runner *r = self;

	r->tokens = r->options->per_minute;
	r->filled_at_ms = outlet_clock_ms();
	while (!outlet_end_over(end)) {
		struct pollfd p = { .fd = end->over ? -1 : end->queue, .events = POLLIN };

		outlet_end_take(end, r->process != 0);
		if (r->process != 0)
			look_after(r, end);
		else if (end->waiting.n > 0 && may_run(r, end))
			begin_run(r, end);
		outlet_end_tell(end);
		if (!outlet_end_over(end))
			poll(&p, 1, r->process != 0 || end->waiting.n > 0 ? LOOK_MS : IDLE_MS);
	}
	if (r->process != 0)
		kill(-r->process, SIGKILL);
}

bool outlet_command(struct outlet **ret, const struct outlet_command *o, struct err *e)
{
	struct runner r = { .options = o, .input = -1 };
	const struct outlet_plan plan = {
		.name = "sawatch-alert", .user = o->user, .keep = -1, .run = run, .self = &r,
	};

	return outlet_start(ret, &plan, e);
}
