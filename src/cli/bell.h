/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How threads wait for each other.  Whoever waits looks for a while, then
 * sleeps until the bell is rung; who rings pays one look when nobody sleeps.
 * What is waited for is set and looked at by sequentially consistent atomics,
 * so that either the one sees it or the other sees the sleeper.
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
