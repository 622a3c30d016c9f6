/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "service/message_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct message *message_queue_at(struct message_queue *q, size_t i)
{
	assert(i < q->n);
	return &q->at[(q->first + i) % QUEUE_MESSAGES];
}

void message_queue_pop(struct message_queue *q)
{
	struct message *m = message_queue_at(q, 0);

	q->bytes -= m->length;
	free(m->text);
	*m = (struct message){ 0 };
	q->first = (q->first + 1) % QUEUE_MESSAGES;
	q->n--;
}

/* The oldest that nobody is sending leaves; those before it move up. */
static void drop_behind(struct message_queue *q, size_t busy)
{
	struct message *gone = message_queue_at(q, busy);

	q->bytes -= gone->length;
	free(gone->text);
	for (size_t i = busy; i > 0; i--)
		*message_queue_at(q, i) = *message_queue_at(q, i - 1);
	*message_queue_at(q, 0) = (struct message){ 0 };
	q->first = (q->first + 1) % QUEUE_MESSAGES;
	q->n--;
	q->dropped++;
}

void message_queue_put(struct message_queue *q, const void *text, size_t length, size_t busy)
{
	char *copy;

	while (q->n > busy && (q->n == QUEUE_MESSAGES || q->bytes + length > QUEUE_BYTES))
		drop_behind(q, busy);
	copy = q->n == QUEUE_MESSAGES || q->bytes + length > QUEUE_BYTES ? NULL
									 : malloc(length + 1);
	if (!copy) {
		q->dropped++;
		return;
	}
	memcpy(copy, text, length);
	copy[length] = '\0';
	q->n++;
	q->bytes += length;
	*message_queue_at(q, q->n - 1) = (struct message){ .text = copy, .length = length };
}

void message_queue_done(struct message_queue *q)
{
	while (q->n > 0)
		message_queue_pop(q);
}
