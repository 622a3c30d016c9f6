/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The monitor's end of an outlet: the queue, the page, and what is heard of the processes. */
#include <sawatch/outlet.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/outlet_end.h"

enum {
	READY_MS = 10000,		/* for the process to begin */
	/* a mebibyte is some 3,000 tunnels; memory that is not written costs nothing */
	PAGE_MAX = 8 << 20,
	NEWS = 4,			/* lines between two looks */
};

/* Processes share it; `sequence` is odd while the text changes. */
struct outlet_page {
	_Atomic uint32_t sequence;
	uint32_t length;
	char text[PAGE_MAX];
};

struct outlet {
	int queue;
	const char *name;		/* of its worker */
	bool gone;			/* the keeper has ended, so nobody will deliver again */
	bool gone_told;
	struct message_queue waiting;
	struct outlet_report report;	/* the latest */
	char news[NEWS][sizeof(((struct outlet_report *)0)->news)];	/* the oldest first */
	size_t n_news;
	struct outlet_page *page;
};

char *outlet_page_read(struct outlet_page *page, uint32_t *seen, size_t *ret_length)
{
	uint32_t before = atomic_load_explicit(&page->sequence, memory_order_acquire);
	size_t length = page->length;
	char *copy;

	if (before % 2 != 0 || before == *seen || length > PAGE_MAX)
		return NULL;
	copy = malloc(length + 1);
	if (!copy)
		return NULL;
	memcpy(copy, page->text, length);
	copy[length] = '\0';
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load_explicit(&page->sequence, memory_order_relaxed) != before) {
		free(copy);
		return NULL;
	}
	*seen = before;
	*ret_length = length;
	return copy;
}

static void keep_news(struct outlet *o, const char *text)
{
	if (o->n_news == NEWS)		/* the latest says more than the one before it */
		o->n_news--;
	snprintf(o->news[o->n_news++], sizeof(o->news[0]), "%s", text);
}

static void hear(struct outlet *o)
{
	struct outlet_report r;
	ssize_t n;

	while (!o->gone && (n = read(o->queue, &r, sizeof(r))) >= 0) {
		if (n != (ssize_t)sizeof(r)) {
			o->gone = true;
			break;
		}
		r.news[sizeof(r.news) - 1] = '\0';
		if (*r.news)
			keep_news(o, r.news);
		o->report = r;
	}
	o->gone |= errno == ECONNRESET;
}

static void push(struct outlet *o)
{
	while (!o->gone && o->waiting.n > 0) {
		struct message *m = message_queue_at(&o->waiting, 0);

		if (write(o->queue, m->text, m->length) < 0) {
			o->gone |= errno == EPIPE || errno == ECONNRESET;
			return;
		}
		message_queue_pop(&o->waiting);
	}
}

static bool wait_until_ready(struct outlet *o, struct err *e)
{
	struct pollfd p = { .fd = o->queue, .events = POLLIN };
	int64_t until = outlet_clock_ms() + READY_MS, left;

	while ((left = until - outlet_clock_ms()) > 0 && !o->gone && !o->report.ready) {
		poll(&p, 1, (int)left);
		errno = 0;
		hear(o);
	}
	if (o->report.ready)
		return true;
	return err_set(e, "%s", o->n_news > 0 ? o->news[0] : "a process for output did not begin");
}

bool outlet_start(struct outlet **ret, const struct outlet_plan *plan, struct err *e)
{
	struct outlet *o = calloc(1, sizeof(*o));
	pid_t monitor = getpid(), keeper;
	int ends[2] = { -1, -1 };

	*ret = NULL;
	if (!o ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
		free(o);
		return err_set(e, "a process for output cannot be made: %s", strerror(errno));
	}
	if (plan->with_page) {
		o->page = mmap(NULL, sizeof(*o->page), PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (o->page == MAP_FAILED)
			o->page = NULL;
	}
	/* whoever ends is forgotten at once: the walls may forbid waiting */
	signal(SIGCHLD, SIG_IGN);
	o->queue = ends[0];
	o->name = plan->name;
	fflush(NULL);
	keeper = plan->with_page && !o->page ? -1 : fork();
	if (keeper == 0) {
		close(ends[0]);
		outlet_keep(plan, ends[1], o->page, monitor);
	}
	close(ends[1]);
	if (plan->keep >= 0)
		close(plan->keep);
	if (keeper < 0)
		err_set(e, "a process for output cannot be made: %s", strerror(errno));
	if (keeper < 0 || !wait_until_ready(o, e)) {
		outlet_close(o, 0);
		return false;
	}
	*ret = o;
	return true;
}

void outlet_put(struct outlet *o, const void *message, size_t length)
{
	if (length == 0 || length > OUTLET_MESSAGE_MAX || o->gone) {
		o->waiting.dropped++;
		return;
	}
	message_queue_put(&o->waiting, message, length, 0);
	push(o);
}

bool outlet_page(struct outlet *o, const char *page, size_t length)
{
	uint32_t sequence = atomic_load_explicit(&o->page->sequence, memory_order_relaxed);

	if (length > PAGE_MAX)
		return false;
	atomic_store_explicit(&o->page->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	memcpy(o->page->text, page, length);
	o->page->length = (uint32_t)length;
	atomic_store_explicit(&o->page->sequence, sequence + 2, memory_order_release);
	return true;
}

void outlet_counters(struct outlet *o, struct outlet_counters *ret)
{
	errno = 0;
	hear(o);
	push(o);
	if (o->gone && !o->gone_told) {
		char text[sizeof(o->news[0])];

		snprintf(text, sizeof(text), "process %s and its keeper have ended; "
					     "nothing is sent by it until sawatch is started again",
			 o->name);
		keep_news(o, text);
		o->gone_told = true;
	}
	*ret = (struct outlet_counters){
		.up = !o->gone && o->report.up, .sent = o->report.sent,
		.dropped = o->report.dropped + o->waiting.dropped,
		.restarts = o->report.restarts,
	};
	if (o->gone)	/* what waits has nowhere to go */
		ret->dropped += o->waiting.n;
}

bool outlet_news(struct outlet *o, struct err *ret)
{
	if (o->n_news == 0)
		return false;
	err_set(ret, "%s", o->news[0]);
	memmove(o->news[0], o->news[1], sizeof(o->news) - sizeof(o->news[0]));
	o->n_news--;
	return true;
}

void outlet_close(struct outlet *o, int patience_ms)
{
	int64_t until;

	if (!o)
		return;
	until = outlet_clock_ms() + patience_ms;
	push(o);
	if (o->page)
		outlet_page(o, "", 0);
	shutdown(o->queue, SHUT_WR);
	while (!o->gone && outlet_clock_ms() < until) {
		struct pollfd p = { .fd = o->queue, .events = POLLIN };

		poll(&p, 1, (int)(until - outlet_clock_ms()));
		errno = 0;
		hear(o);
	}
	close(o->queue);
	message_queue_done(&o->waiting);
	if (o->page)
		munmap(o->page, sizeof(*o->page));
	free(o);
}
