/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keeper of an outlet.  Behind its walls the monitor can begin no process, and it is to run for
 * months; so this one, begun before the walls, waits for its worker to die and begins the next.
 * It takes in nothing from anywhere: no message, no packet, no answer of a collector.
 */
#include "service/outlet_end.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sawatch/privileges.h>

enum {
	/* before the next worker; doubled for each that died young */
	PAUSE_FIRST_MS = 1000, PAUSE_MAX_MS = 60000,
	STEADY_MS = 60000,	/* a worker that lived so long has not died young */
};

struct keeper {
	const struct outlet_plan *plan;
	int queue;
	struct outlet_page *page;
	struct outlet_ledger *ledger;
	int pause_ms;
	bool quiet;		/* it dies again and again, and that was told */
};

static void only_keep(int a, int b)
{
	int low = a < b || b < 0 ? a : b, high = a < b || b < 0 ? b : a;

	close_range(3, (unsigned)low - 1, 0);
	if (high < 0) {
		close_range((unsigned)low + 1, ~0U, 0);
		return;
	}
	if (high > low + 1)
		close_range((unsigned)low + 1, (unsigned)high - 1, 0);
	close_range((unsigned)high + 1, ~0U, 0);
}

/* The monitor's end is that of keeper and worker, whatever signals they are sent besides. */
static void end_with(pid_t monitor)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != monitor)
		_exit(0);
}

/* Nothing of the monitor's but the queue: no capture, no database, no terminal to read from. */
static void settle_in(const struct outlet_plan *plan, int queue, pid_t monitor)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE };
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	end_with(monitor);
	prctl(PR_SET_NAME, "sawatch-keeper");
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	/* lines for programs are written there by the monitor only */
	dup2(STDERR_FILENO, STDOUT_FILENO);
	only_keep(queue, plan->keep);
}

static void report(const struct keeper *k, const char *news)
{
	struct outlet_report r = { .ready = k->ledger->ready,
				   .sent = k->ledger->sent,
				   .dropped = k->ledger->dropped,
				   .restarts = k->ledger->restarts };

	snprintf(r.news, sizeof(r.news), "%s", news);
	if (write(k->queue, &r, sizeof(r)) < 0)
		return;		/* the next worker reports the same figures */
}

/* The monitor is about to end: it says no more, and what the queue holds is the last. */
static bool over(const struct keeper *k, int wait_ms)
{
	struct pollfd p = { .fd = k->queue, .events = POLLRDHUP };

	return poll(&p, 1, wait_ms) == 1;
}

/* What is told of a death: each, until there are too many of them. */
static void tell_death(struct keeper *k, int status, uint64_t lost)
{
	char news[sizeof(((struct outlet_report *)0)->news)], how[64], with[80] = "", then[64];

	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was ended by signal %d (%.30s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else
		snprintf(how, sizeof(how), "ended with status %d", WEXITSTATUS(status));
	if (lost > 0)
		snprintf(with, sizeof(with), "; it had %llu message%s, which may be lost",
			 (unsigned long long)lost, lost == 1 ? "" : "s");
	snprintf(then, sizeof(then),
		 k->pause_ms < PAUSE_MAX_MS ? "in %d s" : "every %d s until one stays",
		 k->pause_ms / 1000);
	snprintf(news, sizeof(news), "process %s %s%s; another begins %s", k->plan->name, how, with,
		 then);
	report(k, k->quiet ? "" : news);
	k->quiet = k->pause_ms == PAUSE_MAX_MS;
}

static void mourn(struct keeper *k, int status, int64_t lived_ms)
{
	uint64_t lost = k->ledger->waiting;
	pid_t group = k->ledger->group;

	/* behind walls nothing is started, so nothing there is believed */
	if (!k->plan->needs && group > 1)
		kill(-group, SIGKILL);
	k->ledger->group = 0;
	k->ledger->waiting = 0;
	k->ledger->dropped += lost;
	k->ledger->restarts++;
	if (lived_ms >= STEADY_MS) {
		k->pause_ms = PAUSE_FIRST_MS;
		k->quiet = false;
	}
	tell_death(k, status, lost);
}

/* Of a worker that has ended; one that could not be begun counts as ended, too. */
static int status_of_one(const struct keeper *k)
{
	pid_t self = getpid(), worker = fork();
	int status = W_EXITCODE(1, 0);

	if (worker == 0)
		outlet_work(k->plan, k->queue, k->page, k->ledger, self);
	while (worker > 0 && waitpid(worker, &status, 0) < 0 && errno == EINTR)
		continue;
	return status;
}

void outlet_keep(const struct outlet_plan *plan, int queue, struct outlet_page *page, pid_t monitor)
{
	struct keeper k = {
		.plan = plan, .queue = queue, .page = page, .pause_ms = PAUSE_FIRST_MS
	};
	struct outlet_ledger begun = { .ready = 0 };
	struct err e;
	bool stays, last = false;

	settle_in(plan, queue, monitor);
	k.ledger = mmap(NULL, sizeof(*k.ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (k.ledger == MAP_FAILED) {
		k.ledger = &begun;
		report(&k, "memory is short");
		_exit(1);
	}
	if (!privileges_drop(plan->user, &stays, &e) || (plan->needs && !privileges_give_up(&e)) ||
	    (plan->needs && !outlet_walls_of_keeper(plan->needs, &e))) {
		report(&k, e.text);
		_exit(1);
	}
	/* privileges_drop() may have changed who is told of the monitor's end, prctl(2) */
	end_with(monitor);
	for (;;) {
		int64_t began = outlet_clock_ms();
		int status = status_of_one(&k);

		if (status == 0 || !k.ledger->ready || last)
			_exit(0);
		mourn(&k, status, outlet_clock_ms() - began);
		last = over(&k, k.pause_ms);
		k.pause_ms = 2 * k.pause_ms < PAUSE_MAX_MS ? 2 * k.pause_ms : PAUSE_MAX_MS;
	}
}
