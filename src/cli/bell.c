/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/bell.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* some 5 µs: as long as a block of frames takes; to sleep and be woken takes longer */
enum { LOOKS = 200 };

static void breathe(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
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
