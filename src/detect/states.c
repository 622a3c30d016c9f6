/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packed state is a chain of chunks with a bitmap, one bit per word of the
 * state, and then the words whose bit is set.  The pool of chunks is as large
 * as all states at their fullest: it cannot run out, and what was never used
 * costs nothing.
 */
#include "detect/states.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

enum { CHUNK_WORDS = 7, WORD_BITS = 64, STRIDE = 8, NONE = 0 };

struct chunk {
	uint32_t next;		/* NONE: the last */
	uint64_t word[CHUNK_WORDS];
};

struct shape {
	enum scope scope;
	size_t words, bitmap_words;
	uint64_t *fresh;	/* a state in which nothing was observed */
	bool of_capture;	/* there is only one, never packed: `fresh`, that does not stay so */
};

struct states {
	size_t n;		/* detectors */
	struct shape *shapes;
	uint32_t *heads;	/* by slot, then detector; NONE: fresh */
	struct chunk *chunks;	/* [0] is NONE */
	uint32_t free, used;	/* list of chunks given back; chunks ever used */
	uint64_t *scratch;	/* the open state */
	uint64_t *unpacked;	/* a copy of what it was, when it was not fresh */
	uint64_t *bitmap;	/* of the state that is being packed */
	uint64_t *values;	/* states_values() */
	uint32_t *open;		/* its head; NULL: of the capture, or none */
	size_t which;
};

static size_t words_of(size_t bytes)
{
	return (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

static bool make_shapes(struct states *s, const struct detector *const *list, size_t *ret_largest, size_t *ret_chunks)
{
	for (size_t i = 0; i < s->n; i++) {
		struct shape *shape = &s->shapes[i];

		*shape = (struct shape){ .words = words_of(list[i]->state_size) };
		shape->bitmap_words = (shape->words + WORD_BITS - 1) / WORD_BITS;
		shape->fresh = calloc(shape->words + 1, sizeof(uint64_t));
		if (!shape->fresh)
			return false;
		if (list[i]->reset)
			list[i]->reset(shape->fresh);
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
		s->scratch = calloc(largest, sizeof(uint64_t));
		s->unpacked = calloc(largest, sizeof(uint64_t));
		s->values = calloc(largest, sizeof(uint64_t));
		s->bitmap = calloc(largest / WORD_BITS + 1, sizeof(uint64_t));
		s->heads = memory_table((size_t)slots * n + 1, sizeof(s->heads[0]));
		s->chunks = memory_table((size_t)slots * chunks + 1, sizeof(s->chunks[0]));
	}
	if (s->scratch && s->unpacked && s->values && s->bitmap && s->heads && s->chunks)
		return s;
	states_free(s);
	return NULL;
}

void states_free(struct states *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->shapes && i < s->n; i++)
		free(s->shapes[i].fresh);
	free(s->shapes);
	free(s->scratch);
	free(s->unpacked);
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

static void unpack(struct states *s, const struct shape *shape)
{
	struct cursor bits = begin(s, s->open), words = bits;

	for (size_t i = 0; i < shape->bitmap_words; i++)
		next_word(&words);
	for (size_t i = 0; i < shape->bitmap_words; i++)
		for (uint64_t set = *next_word(&bits); set; set &= set - 1)
			s->scratch[i * WORD_BITS + (size_t)__builtin_ctzll(set)] = *next_word(&words);
}

void *states_open(struct states *s, uint32_t slot, size_t which)
{
	const struct shape *shape = &s->shapes[which];

	assert(!s->open);
	if (shape->of_capture)
		return shape->fresh;
	s->open = &s->heads[(size_t)slot * s->n + which];
	s->which = which;
	memcpy(s->scratch, shape->fresh, shape->words * sizeof(uint64_t));
	if (*s->open != NONE) {
		unpack(s, shape);
		memcpy(s->unpacked, s->scratch, shape->words * sizeof(uint64_t));
	}
	return s->scratch;
}

static uint64_t differences(const struct states *s, const struct shape *shape, size_t from)
{
	size_t n = shape->words - from < WORD_BITS ? shape->words - from : WORD_BITS;
	const uint64_t *is = s->scratch + from, *was = shape->fresh + from;
	uint64_t set = 0;

	/* most of a state is as it was: eight words at a time */
	for (size_t i = 0; i < n; i += STRIDE) {
		size_t end = n - i < STRIDE ? n : i + STRIDE;
		uint64_t any = 0;

		for (size_t k = i; k < end; k++)
			any |= is[k] ^ was[k];
		for (size_t k = i; any && k < end; k++)
			set |= (uint64_t)(is[k] != was[k]) << k;
	}
	return set;
}

static void pack(struct states *s, const struct shape *shape, uint32_t *head)
{
	struct cursor c = begin(s, head);

	for (size_t i = 0; i < shape->bitmap_words; i++)
		put_word(&c, s->bitmap[i] = differences(s, shape, i * WORD_BITS));
	for (size_t i = 0; i < shape->bitmap_words; i++)
		for (uint64_t set = s->bitmap[i]; set; set &= set - 1)
			put_word(&c, s->scratch[i * WORD_BITS + (size_t)__builtin_ctzll(set)]);
	cut(&c);
}

void states_close(struct states *s)
{
	uint32_t *head = s->open;

	if (!head)
		return;
	s->open = NULL;

	const struct shape *shape = &s->shapes[s->which];
	size_t bytes = shape->words * sizeof(uint64_t);

	/* nearly always there is nothing new to remember */
	if (memcmp(s->scratch, *head == NONE ? shape->fresh : s->unpacked, bytes) == 0)
		return;
	if (*head != NONE && memcmp(s->scratch, shape->fresh, bytes) == 0)
		give_back(s, head);
	else
		pack(s, shape, head);
}

const void *states_values(struct states *s, const struct detector *d)
{
	assert(s->open);
	fields_copy(d->fields, s->scratch, s->values, d->state_size);
	return s->values;
}

void states_renew(struct states *s)
{
	const struct shape *shape = &s->shapes[s->which];

	assert(s->open);
	memcpy(s->scratch, shape->fresh, shape->words * sizeof(uint64_t));
}

bool states_fresh(const struct states *s, uint32_t slot, size_t which)
{
	return s->heads[(size_t)slot * s->n + which] == NONE;
}

/* ---- all of a slot -------------------------------------------------------- */

void states_forget(struct states *s, uint32_t slot)
{
	for (size_t i = 0; i < s->n; i++)
		give_back(s, &s->heads[(size_t)slot * s->n + i]);
}

void states_forget_some(struct states *s, uint32_t slot, uint64_t mask)
{
	for (; mask; mask &= mask - 1)
		give_back(s, &s->heads[(size_t)slot * s->n + (size_t)__builtin_ctzll(mask)]);
}

void states_move(struct states *s, uint32_t from, uint32_t to, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctzll(mask);
		uint32_t *source = &s->heads[(size_t)from * s->n + i], *target = &s->heads[(size_t)to * s->n + i];

		give_back(s, target);
		*target = *source;
		*source = NONE;
	}
}
