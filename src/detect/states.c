/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packed state is a chain of chunks with a bitmap, one bit per word of the
 * state, and then the words whose bit is set.  The pool of chunks is as large
 * as all states at their fullest: it cannot run out, and what was never used
 * costs nothing.
 *
 * Each detector has one place where its states are unpacked.  What lies there
 * stays until another slot asks for it: what a message tells of comes as
 * several events.
 */
#include "detect/states.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

enum { CHUNK_WORDS = 7, WORD_BITS = 64, STRIDE = 8, NONE = 0 };

/* Two words that are compared at once. */
typedef uint64_t pair __attribute__((vector_size(16), may_alias));

struct chunk {
	uint32_t next;		/* NONE: the last */
	uint64_t word[CHUNK_WORDS];
};

struct shape {
	size_t words, bitmap_words;	/* words: up to a whole STRIDE */
	uint64_t *fresh;	/* a state in which nothing was observed */
	uint64_t *live;		/* where it is unpacked; as `fresh` when `head` is NULL */
	uint32_t *head;		/* whose state lies there; NULL nobody's */
	bool of_capture;	/* there is only one, never packed: it stays in `live` */
};

struct states {
	size_t n;		/* detectors */
	struct shape *shapes;
	uint32_t *heads;	/* by slot, then detector; NONE: fresh */
	struct chunk *chunks;	/* [0] is NONE */
	uint32_t free, used;	/* list of chunks given back; chunks ever used */
	uint64_t *bitmap;	/* of the state that is being packed */
	uint64_t *values;	/* states_values() */
	struct shape *open;
};

static size_t words_of(size_t bytes)
{
	size_t strides = (bytes + STRIDE * sizeof(uint64_t) - 1) / (STRIDE * sizeof(uint64_t));

	return strides * STRIDE;
}

static size_t bytes_of(const struct shape *shape)
{
	return shape->words * sizeof(uint64_t);
}

static bool make_shapes(struct states *s, const struct detector *const *list, size_t *ret_largest, size_t *ret_chunks)
{
	for (size_t i = 0; i < s->n; i++) {
		struct shape *shape = &s->shapes[i];

		*shape = (struct shape){ .words = words_of(list[i]->state_size) };
		shape->bitmap_words = (shape->words + WORD_BITS - 1) / WORD_BITS;
		shape->fresh = calloc(shape->words + 1, sizeof(uint64_t));
		shape->live = calloc(shape->words + 1, sizeof(uint64_t));
		if (!shape->fresh || !shape->live)
			return false;
		if (list[i]->reset)
			list[i]->reset(shape->fresh);
		memcpy(shape->live, shape->fresh, bytes_of(shape));
		if (list[i]->scope == SCOPE_CAPTURE) {
			shape->of_capture = true;
			continue;
		}
		*ret_chunks += (shape->bitmap_words + shape->words + CHUNK_WORDS - 1) / CHUNK_WORDS;
		*ret_largest = shape->words > *ret_largest ? shape->words : *ret_largest;
	}
	return true;
}

struct states *states_new(const struct detector *const *list, size_t n, uint32_t slots)
{
	struct states *s = calloc(1, sizeof(*s));
	size_t largest = 1, chunks = 0;

	if (!s)
		return NULL;
	s->n = n;
	s->used = 1;
	s->shapes = calloc(n, sizeof(s->shapes[0]));
	if (s->shapes && make_shapes(s, list, &largest, &chunks)) {
		s->values = calloc(largest, sizeof(uint64_t));
		s->bitmap = calloc(largest / WORD_BITS + 1, sizeof(uint64_t));
		s->heads = memory_table((size_t)slots * n + 1, sizeof(s->heads[0]));
		s->chunks = memory_table((size_t)slots * chunks + 1, sizeof(s->chunks[0]));
	}
	if (s->values && s->bitmap && s->heads && s->chunks)
		return s;
	states_free(s);
	return NULL;
}

void states_free(struct states *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->shapes && i < s->n; i++) {
		free(s->shapes[i].fresh);
		free(s->shapes[i].live);
	}
	free(s->shapes);
	free(s->values);
	free(s->bitmap);
	free(s->heads);
	free(s->chunks);
	free(s);
}

/* ---- chains --------------------------------------------------------------- */

/* A place in a chain, word by word. */
struct cursor {
	struct states *s;
	uint32_t *link;		/* to the chunk that `word` points into */
	unsigned word;		/* next one in it; CHUNK_WORDS: it is used up */
};

static struct cursor begin(struct states *s, uint32_t *head)
{
	return (struct cursor){ .s = s, .link = head };
}

static void give_back(struct states *s, uint32_t *link)
{
	uint32_t first = *link, last = first;

	*link = NONE;
	if (first == NONE)
		return;
	while (s->chunks[last].next != NONE)
		last = s->chunks[last].next;
	s->chunks[last].next = s->free;
	s->free = first;
}

static uint64_t *next_word(struct cursor *c)
{
	if (c->word == CHUNK_WORDS) {
		c->link = &c->s->chunks[*c->link].next;
		c->word = 0;
	}
	return &c->s->chunks[*c->link].word[c->word++];
}

static void put_word(struct cursor *c, uint64_t value)
{
	struct states *s = c->s;
	uint32_t *link = c->word == CHUNK_WORDS ? &s->chunks[*c->link].next : c->link;

	if (*link == NONE) {
		uint32_t chunk = s->free;

		if (chunk != NONE)
			s->free = s->chunks[chunk].next;
		else
			chunk = s->used++;
		s->chunks[chunk].next = NONE;
		*link = chunk;
	}
	*next_word(c) = value;
}

/* What stands behind the last word that was put. */
static void cut(struct cursor *c)
{
	give_back(c->s, &c->s->chunks[*c->link].next);
}

/* ---- one state ------------------------------------------------------------ */

static void unpack(struct states *s, struct shape *shape)
{
	struct cursor bits = begin(s, shape->head), words = bits;

	for (size_t i = 0; i < shape->bitmap_words; i++)
		next_word(&words);
	for (size_t i = 0; i < shape->bitmap_words; i++)
		for (uint64_t set = *next_word(&bits); set; set &= set - 1)
			shape->live[i * WORD_BITS + (size_t)__builtin_ctzll(set)] = *next_word(&words);
}

/* Bit k: word from + k is not as in a fresh state. */
static uint64_t differences(const struct shape *shape, size_t from)
{
	size_t n = shape->words - from < WORD_BITS ? shape->words - from : WORD_BITS;
	const uint64_t *is = shape->live + from, *was = shape->fresh + from;
	uint64_t set = 0;

	/* most of a state is as it was: a stride at a time */
	for (size_t i = 0; i < n; i += STRIDE) {
		const pair *a = (const pair *)(is + i), *b = (const pair *)(was + i);
		pair any = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]);

		if ((any[0] | any[1]) == 0)
			continue;
		for (size_t k = i; k < i + STRIDE; k++)
			set |= (uint64_t)(is[k] != was[k]) << k;
	}
	return set;
}

/* Nobody's state is unpacked any more. */
static void put_away(struct states *s, struct shape *shape)
{
	if (!shape->head)
		return;
	/* often nothing was there, and is */
	if (*shape->head == NONE && memcmp(shape->live, shape->fresh, bytes_of(shape)) == 0) {
		shape->head = NULL;
		return;
	}

	struct cursor c = begin(s, shape->head);
	uint64_t any = 0;

	for (size_t i = 0; i < shape->bitmap_words; i++)
		any |= s->bitmap[i] = differences(shape, i * WORD_BITS);
	if (any == 0) {
		give_back(s, shape->head);
		shape->head = NULL;
		return;
	}
	for (size_t i = 0; i < shape->bitmap_words; i++)
		put_word(&c, s->bitmap[i]);
	for (size_t i = 0; i < shape->bitmap_words; i++)
		for (uint64_t set = s->bitmap[i]; set; set &= set - 1) {
			size_t k = i * WORD_BITS + (size_t)__builtin_ctzll(set);

			put_word(&c, shape->live[k]);
			shape->live[k] = shape->fresh[k];
		}
	cut(&c);
	shape->head = NULL;
}

void states_expect(const struct states *s, uint32_t slot, uint64_t mask)
{
	const uint32_t *heads = &s->heads[(size_t)slot * s->n];

	for (; mask; mask &= mask - 1)
		__builtin_prefetch(&s->chunks[heads[__builtin_ctzll(mask)]], 1);
}

void *states_open(struct states *s, uint32_t slot, size_t which)
{
	struct shape *shape = &s->shapes[which];

	assert(!s->open);
	s->open = shape;
	if (shape->of_capture)
		return shape->live;

	uint32_t *head = &s->heads[(size_t)slot * s->n + which];

	if (shape->head == head)
		return shape->live;
	put_away(s, shape);
	shape->head = head;
	if (*head != NONE)
		unpack(s, shape);
	return shape->live;
}

void states_close(struct states *s)
{
	s->open = NULL;
}

const void *states_values(struct states *s, const struct detector *d)
{
	assert(s->open);
	fields_copy(d->fields, s->open->live, s->values, d->state_size);
	return s->values;
}

void states_renew(struct states *s)
{
	assert(s->open);
	memcpy(s->open->live, s->open->fresh, bytes_of(s->open));
}

/* The head of a state that is not unpacked anywhere. */
static uint32_t *packed(struct states *s, uint32_t slot, size_t which)
{
	uint32_t *head = &s->heads[(size_t)slot * s->n + which];

	if (s->shapes[which].head == head)
		put_away(s, &s->shapes[which]);
	return head;
}

bool states_fresh(struct states *s, uint32_t slot, size_t which)
{
	return *packed(s, slot, which) == NONE;
}

/* ---- all of a slot -------------------------------------------------------- */

void states_forget(struct states *s, uint32_t slot)
{
	for (size_t i = 0; i < s->n; i++)
		give_back(s, packed(s, slot, i));
}

void states_forget_some(struct states *s, uint32_t slot, uint64_t mask)
{
	for (; mask; mask &= mask - 1)
		give_back(s, packed(s, slot, (size_t)__builtin_ctzll(mask)));
}

void states_move(struct states *s, uint32_t from, uint32_t to, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctzll(mask);
		uint32_t *source = packed(s, from, i), *target = packed(s, to, i);

		give_back(s, target);
		*target = *source;
		*source = NONE;
	}
}
