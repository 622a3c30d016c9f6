/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What monitor and worker of an outlet tell each other, when the other end is
 * somebody who has taken it over: reports of any length with anything in them,
 * messages, ends that close in between, and a page in shared memory whose
 * length and sequence are anything.  Nothing is read outside or waited for;
 * messages arrive in their order, each whole, and what is missing was counted.
 */
#include "service/outlet.c"

#include "property.h"

enum { STEPS_MAX = 400, LONGEST = OUTLET_MESSAGE_MAX + 100 };

struct program {
	const uint8_t *at, *end;
};

struct pair {
	struct outlet *monitor;
	struct outlet_end *worker;
	struct outlet_ledger ledger;
	uint32_t put, taken;		/* serial numbers of messages */
	uint64_t refused;		/* by the monitor: empty or too long, or nobody is there */
	bool closed;			/* by the worker */
};

static struct outlet_page *page;	/* one for all runs: it is large */

static uint32_t take_number(struct program *p)
{
	uint32_t n = take(&p->at, p->end);

	n = n << 8 | take(&p->at, p->end);
	return n << (take(&p->at, p->end) % 17);
}

/* A report with bytes of the program in it, and as long as it says. */
static void report(struct pair *w, struct program *p, size_t length)
{
	uint8_t bytes[2 * sizeof(struct outlet_report)];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = p->at < p->end ? take(&p->at, p->end) : (uint8_t)i;
	if (!w->closed)
		(void)!write(w->worker->queue, bytes, length % sizeof(bytes));
}

static void put(struct pair *w, size_t length)
{
	static uint8_t message[LONGEST];
	uint64_t before = w->monitor->waiting.dropped;

	length %= LONGEST;
	memset(message, (uint8_t)length, length);
	if (length >= sizeof(w->put))
		memcpy(message, &w->put, sizeof(w->put));
	outlet_put(w->monitor, message, length);
	w->put += length >= sizeof(w->put);
	if (length == 0 || length > OUTLET_MESSAGE_MAX)
		MUST(w->monitor->waiting.dropped == before + 1);
	w->refused += length == 0 || length > OUTLET_MESSAGE_MAX;
}

static void take_messages(struct pair *w)
{
	if (w->closed)
		return;
	outlet_end_take(w->worker, 0);
	MUST(w->worker->waiting.n <= QUEUE_MESSAGES && w->worker->waiting.bytes <= QUEUE_BYTES);
	while (w->worker->waiting.n > 0) {
		const struct message *m = message_queue_at(&w->worker->waiting, 0);
		uint32_t serial;

		MUST(m->length > 0 && m->length <= OUTLET_MESSAGE_MAX);
		if (m->length >= sizeof(serial)) {
			memcpy(&serial, m->text, sizeof(serial));
			/* in order, and none twice */
			MUST(serial >= w->taken && serial < w->put);
			w->taken = serial + 1;
			for (size_t i = sizeof(serial); i < m->length; i++)
				MUST((uint8_t)m->text[i] == (uint8_t)m->length);
		}
		message_queue_pop(&w->worker->waiting);
	}
}

static void look(struct pair *w)
{
	struct outlet_counters c;
	struct err e;
	unsigned n = 0;

	outlet_counters(w->monitor, &c);
	MUST(!(c.up && w->monitor->gone));
	MUST(c.dropped >= w->monitor->report.dropped ||
	     w->monitor->report.dropped > UINT64_MAX / 2);
	while (outlet_news(w->monitor, &e)) {
		MUST(memchr(e.text, '\0', sizeof(e.text)));
		MUST(++n <= NEWS);
	}
}

/* The worker can write there too. */
static void look_at_page(struct program *p)
{
	uint32_t seen = take(&p->at, p->end);
	size_t length;
	char *copy;

	page->sequence = take_number(p);
	page->length = take_number(p);
	copy = outlet_page_read(page, &seen, &length);
	MUST(!copy || (length <= PAGE_MAX && copy[length] == '\0'));
	free(copy);
}

static bool open_pair(struct pair *w)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		return false;
	w->monitor = calloc(1, sizeof(*w->monitor));
	w->worker = calloc(1, sizeof(*w->worker));
	MUST(w->monitor && w->worker);
	w->monitor->queue = ends[0];
	w->monitor->name = "sawatch-fuzz";
	w->monitor->page = NULL;
	w->worker->queue = ends[1];
	w->worker->ledger = &w->ledger;
	return true;
}

static void close_worker(struct pair *w)
{
	if (!w->closed)
		close(w->worker->queue);
	w->closed = true;
}

static void step(struct pair *w, struct program *p)
{
	uint8_t what = take(&p->at, p->end);

	switch (what % 8) {
	case 0:
		report(w, p, sizeof(struct outlet_report));
		break;
	case 1:
		report(w, p, take(&p->at, p->end));
		break;
	case 2:
		put(w, take(&p->at, p->end));
		break;
	case 3:
		put(w, take_number(p));
		break;
	case 4:
		take_messages(w);
		break;
	case 5:
		look_at_page(p);
		break;
	case 6:
		if (what == 0xfe)
			close_worker(w);
		else if (!w->closed) {
			outlet_end_news(w->worker, "%u messages taken", w->taken);
			outlet_end_tell(w->worker);
		}
		break;
	default:
		look(w);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program p = { data, data + size };
	struct pair w = { .put = 0 };

	if (!page) {
		signal(SIGPIPE, SIG_IGN);
		page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);
		MUST(page != MAP_FAILED);
	}
	if (!open_pair(&w))
		return 0;
	for (int i = 0; i < STEPS_MAX && p.at < p.end; i++)
		step(&w, &p);
	look(&w);
	outlet_close(w.monitor, 0);
	take_messages(&w);
	close_worker(&w);
	message_queue_done(&w.worker->waiting);
	free(w.worker);
	return 0;
}
