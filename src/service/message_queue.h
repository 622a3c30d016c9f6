/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages that wait: bounded in number and bytes; when it is full the oldest makes room. */
#ifndef SAWATCH_MESSAGE_QUEUE_H
#define SAWATCH_MESSAGE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { QUEUE_MESSAGES = 4096, QUEUE_BYTES = 4 << 20 };

struct message {
	char *text;		/* owned by the queue */
	size_t length;
	uint64_t end;		/* for the outlet's own books */
};

/* Zeros are an empty queue. */
struct message_queue {
	struct message at[QUEUE_MESSAGES];
	size_t first, n, bytes;
	uint64_t dropped;
};

/*
 * A copy goes to the end.  Up to `busy` messages at the front are being sent and stay; then the new
 * one is dropped.
 */
void message_queue_put(struct message_queue *q, const void *text, size_t length, size_t busy);

/* The i-th from the front. */
struct message *message_queue_at(struct message_queue *q, size_t i);
void message_queue_pop(struct message_queue *q);
void message_queue_done(struct message_queue *q);

#endif
