/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/bell.h"

#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/nsec.h>

enum {
	LOOKS = 200,		/* some 5 µs: as long as a block of frames takes */
	/*
	 * As long as a few windows of a file take to be mapped.  A thread that sleeps is woken on
	 * the core of the one that rings as soon as others use its own; and as both are never seen
	 * ready at once, they stay there, in turn.
	 */
	YIELDS_NS = 100000,
};

static void breathe(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static nsec monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

/* Whoever else is ready on this core goes first: perhaps the one that is waited for. */
static bool yield_until(bool (*try)(void *user), void *user)
{
	nsec end = monotonic() + YIELDS_NS;

	do {
		sched_yield();
		if (try(user))
			return true;
	} while (monotonic() < end);
	return false;
}

static void sleep_while(_Atomic uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}

void bell_wait(struct bell *b, bool (*try)(void *user), void *user)
{
	for (int i = 0; i < LOOKS; i++) {
		if (try(user))
			return;
		breathe();
	}
	if (yield_until(try, user))
		return;
	atomic_fetch_add(&b->sleepers, 1);
	for (;;) {
		uint32_t rung = atomic_load(&b->rung);

		if (try(user))
			break;
		sleep_while(&b->rung, rung);	/* returns at once when it was rung meanwhile */
	}
	atomic_fetch_sub(&b->sleepers, 1);
}

void bell_ring(struct bell *b)
{
	if (atomic_load(&b->sleepers) == 0)
		return;
	atomic_fetch_add(&b->rung, 1);
	syscall(SYS_futex, &b->rung, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
