/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How threads wait for each other without a lock.  A waiting thread polls for a
 * while, then lets others run and polls again, and sleeps at last until another
 * one rings the bell; ringing costs one load
 * when nobody sleeps.  What is waited for must be set and polled by sequentially
 * consistent atomics: then either the waiter sees it, or the other sees the
 * sleeper.
 */
#ifndef SAWATCH_CLI_BELL_H
#define SAWATCH_CLI_BELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct bell {
	_Alignas(64) _Atomic uint32_t sleepers;
	_Atomic uint32_t rung;
};

/* Until try(user) succeeds; at once when it does. */
void bell_wait(struct bell *b, bool (*try)(void *user), void *user);

/* It may succeed now. */
void bell_ring(struct bell *b);

#endif
