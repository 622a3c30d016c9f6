/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both ends of the queue between the monitor and an outlet, and how its process begins and ends. */
#include <sawatch/outlet.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/privileges.h>

#include "service/outlet_end.h"

enum {
	READY_MS = 10000,		/* for the process to begin */
	PAGE_MAX = 8 << 20,		/* a mebibyte is some 3,000 tunnels; memory that is not written costs nothing */
};

/* Two processes share it; `sequence` is odd while the text changes. */
struct outlet_page {
	_Atomic uint32_t sequence;
	uint32_t length;
	char text[PAGE_MAX];
};

struct outlet {
	int queue;
	pid_t process;
	const char *name;		/* of it */
	bool gone;			/* the process has ended */
	struct message_queue waiting;
	struct outlet_report report;	/* the latest */
	char news[sizeof(((struct outlet_report *)0)->news)];
	struct outlet_page *page;
};

int64_t outlet_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- in the outlet's process ---- */

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

/* Nothing of the monitor's but the queue: no capture, no database, no terminal to read from. */
static void settle_in(const struct outlet_plan *plan, int queue, pid_t monitor)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGPIPE };	/* the monitor's end is ours */
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != monitor)
		_exit(0);
	prctl(PR_SET_NAME, plan->name);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(null, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);	/* lines for programs are written there by the monitor only */
	only_keep(queue, plan->keep);
}

__attribute__((noreturn))
static void live(const struct outlet_plan *plan, int queue, struct outlet_page *page, pid_t monitor)
{
	struct outlet_end *end = calloc(1, sizeof(*end));
	struct err e = { "memory is short" };
	bool stays;

	settle_in(plan, queue, monitor);
	if (!end)
		_exit(1);
	end->queue = queue;
	end->page = page;
	end->report.up = 1;
	if (!privileges_drop(plan->user, &stays, &e) || (plan->needs && !privileges_give_up(&e)) ||
	    (plan->begin && !plan->begin(plan->self, &e)) || (plan->needs && !outlet_walls(plan->needs, &e))) {
		outlet_end_news(end, "%s", e.text);
		outlet_end_tell(end);
		_exit(1);
	}
	/* privileges_drop() may have changed who is told of the monitor's end, prctl(2) */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != monitor)
		_exit(0);
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
}

void outlet_end_tell(struct outlet_end *end)
{
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
	return end->over && (end->waiting.n == 0 || outlet_clock_ms() - end->over_at_ms > OUTLET_LAST_WORDS_MS);
}

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

/* ---- in the monitor ---- */

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
			memcpy(o->news, r.news, sizeof(o->news));
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
	return err_set(e, "%s", *o->news ? o->news : "a process for output did not begin");
}

bool outlet_start(struct outlet **ret, const struct outlet_plan *plan, struct err *e)
{
	struct outlet *o = calloc(1, sizeof(*o));
	pid_t monitor = getpid();
	int ends[2] = { -1, -1 };

	*ret = NULL;
	if (!o || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0) {
		free(o);
		return err_set(e, "a process for output cannot be made: %s", strerror(errno));
	}
	if (plan->with_page) {
		o->page = mmap(NULL, sizeof(*o->page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (o->page == MAP_FAILED)
			o->page = NULL;
	}
	signal(SIGCHLD, SIG_IGN);	/* whoever ends is forgotten at once: the walls may forbid waiting */
	o->queue = ends[0];
	o->name = plan->name;
	fflush(NULL);
	o->process = plan->with_page && !o->page ? -1 : fork();
	if (o->process == 0) {
		close(ends[0]);
		live(plan, ends[1], o->page, monitor);
	}
	close(ends[1]);
	if (plan->keep >= 0)
		close(plan->keep);
	if (o->process < 0)
		err_set(e, "a process for output cannot be made: %s", strerror(errno));
	if (o->process < 0 || !wait_until_ready(o, e)) {
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
	bool before = o->gone;

	errno = 0;
	hear(o);
	push(o);
	if (o->gone && !before && !*o->news)
		snprintf(o->news, sizeof(o->news), "process %s has ended; nothing is sent by it until sawatch is started again",
			 o->name);
	*ret = (struct outlet_counters){
		.up = !o->gone && o->report.up, .sent = o->report.sent, .dropped = o->report.dropped + o->waiting.dropped,
	};
	if (o->gone)	/* what waits has nowhere to go */
		ret->dropped += o->waiting.n;
}

bool outlet_news(struct outlet *o, struct err *ret)
{
	if (!*o->news)
		return false;
	err_set(ret, "%s", o->news);
	o->news[0] = '\0';
	return true;
}

void outlet_close(struct outlet *o, int patience_ms)
{
	int64_t until;

	if (!o)
		return;
	until = outlet_clock_ms() + patience_ms;
	push(o);
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
