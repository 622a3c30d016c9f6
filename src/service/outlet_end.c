/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The worker of an outlet: how it begins, and its end of the queue. */
#include "service/outlet_end.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

int64_t outlet_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the next worker goes on with, should this one die now. */
static void write_down(struct outlet_end *end)
{
	const struct outlet_report *r = &end->report;

	atomic_store(&end->ledger->sent, r->sent);
	atomic_store(&end->ledger->dropped, r->dropped);
	atomic_store(&end->ledger->waiting, end->waiting.n);
}

void outlet_work(const struct outlet_plan *plan, int queue, struct outlet_page *page,
		 struct outlet_ledger *ledger, pid_t keeper)
{
	struct outlet_end *end = calloc(1, sizeof(*end));
	struct err e;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!end || getppid() != keeper)
		_exit(1);
	prctl(PR_SET_NAME, plan->name);
	end->queue = queue;
	end->page = page;
	end->ledger = ledger;
	end->waiting.dropped = ledger->dropped;
	end->report = (struct outlet_report){
		.sent = ledger->sent, .dropped = ledger->dropped, .restarts = ledger->restarts,
		.up = 1,
	};
	if ((plan->begin && !plan->begin(plan->self, &e)) ||
	    (plan->needs && !outlet_walls(plan->needs, &e))) {
		end->report.up = 0;
		end->report.ready = ledger->ready;
		outlet_end_news(end, "%s", e.text);
		outlet_end_tell(end);
		_exit(1);
	}
	ledger->ready = 1;	/* (clang 14 does not chain these two) */
	end->report.ready = 1;
	outlet_end_tell(end);
	plan->run(plan->self, end);
	_exit(0);
}

void outlet_end_take(struct outlet_end *end, size_t busy)
{
	ssize_t n;

	while (!end->over && (n = read(end->queue, end->buffer, sizeof(end->buffer))) >= 0) {
		if (n == 0) {	/* no message is empty */
			end->over = true;
			end->over_at_ms = outlet_clock_ms();
		} else {
			message_queue_put(&end->waiting, end->buffer, (size_t)n, busy);
		}
	}
	if (!end->over && errno != EAGAIN && errno != EINTR) {
		end->over = true;
		end->over_at_ms = outlet_clock_ms();
	}
	end->report.dropped = end->waiting.dropped;
	write_down(end);
}

void outlet_end_tell(struct outlet_end *end)
{
	write_down(end);
	if (memcmp(&end->report, &end->reported, sizeof(end->report)) == 0)
		return;
	if (write(end->queue, &end->report, sizeof(end->report)) < 0)
		return;		/* later */
	end->report.news[0] = '\0';
	end->reported = end->report;
}

void outlet_end_news(struct outlet_end *end, const char *format, ...)
{
	va_list arguments;

	memset(end->report.news, 0, sizeof(end->report.news));
	va_start(arguments, format);
	vsnprintf(end->report.news, sizeof(end->report.news), format, arguments);
	va_end(arguments);
}

bool outlet_end_over(const struct outlet_end *end)
{
	return end->over &&
	       (end->waiting.n == 0 || outlet_clock_ms() - end->over_at_ms > OUTLET_LAST_WORDS_MS);
}
