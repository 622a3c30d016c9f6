/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All that is kept of one tunnel lies together: the states of its detectors, one
 * behind the other, are an image of a few hundred strides, of which only the
 * words that differ from a fresh one are kept.  Packed it is a chain of chunks:
 * words in which each bit stands for a block that has any (`any`), of each such
 * block the bitmap of its words (`set`), and then these words.  The pool of
 * chunks is as large as all tunnels at their fullest: it cannot run out, and
 * what was never used costs nothing.
 *
 * One tunnel is unpacked at a time and stays so until another one is asked for:
 * what a message tells of comes as several events.  What was opened to be written
 * is compared then, once; what was only read is not, and where nothing is kept
 * of a detector, reading it unpacks nothing.
 */
#include "detect/states.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

enum { CHUNK_WORDS = 15, BLOCK = 64, STRIDE = 8, NONE = 0, ALIGNMENT = 64 };

/* Two words that are compared at once. */
typedef uint64_t pair __attribute__((vector_size(16), may_alias));

struct chunk {
	uint32_t next;		/* NONE: the last */
	uint64_t word[CHUNK_WORDS];
};

struct shape {
	size_t first, words;	/* in the image: whole strides */
	uint64_t *live, *fresh;	/* there, or of its own */
	bool of_capture;	/* there is only one, never packed: it is no part of the image */
};

struct states {
	size_t n;		/* detectors */
	struct shape *shapes;
	size_t words, blocks, tops;	/* of the image, of `set`, of `any` */
	uint64_t *live;		/* the image of `slot` */
	uint64_t *fresh;	/* of a tunnel of which nothing was observed */
	uint64_t *set, *any;	/* of the image, before what is in `written` */
	uint32_t slot;		/* NO_INDEX: nobody's, and the image is fresh */
	uint64_t written;	/* detectors whose state was opened to be written */
	struct kept {
		uint64_t which;	/* detectors whose state is not fresh, before `written` */
		uint32_t head;	/* NONE: all are */
	} *kept;		/* by slot */
	struct chunk *chunks;	/* [0] is NONE */
	void *chunk_memory;
	uint32_t free, used;	/* list of chunks given back; chunks ever used */
	uint64_t *values;	/* states_values(), states_move() */
	const struct shape *open;
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

/* Where each state lies; returns how many words the largest has. */
static size_t lay_out(struct states *s, const struct detector *const *list)
{
	size_t largest = STRIDE;

	for (size_t i = 0; i < s->n; i++) {
		struct shape *shape = &s->shapes[i];

		*shape = (struct shape){ .first = s->words, .words = words_of(list[i]->state_size),
					 .of_capture = list[i]->scope == SCOPE_CAPTURE };
		largest = shape->words > largest ? shape->words : largest;
		if (!shape->of_capture)
			s->words += shape->words;
	}
	s->blocks = s->words / BLOCK + 1;
	s->tops = s->blocks / BLOCK + 1;
	return largest;
}

static bool make_fresh(struct states *s, const struct detector *const *list)
{
	for (size_t i = 0; i < s->n; i++) {
		struct shape *shape = &s->shapes[i];

		if (shape->of_capture) {
			shape->live = calloc(shape->words + 1, sizeof(uint64_t));
			if (!shape->live)
				return false;
			if (list[i]->reset)
				list[i]->reset(shape->live);
			continue;
		}
		shape->live = s->live + shape->first;
		shape->fresh = s->fresh + shape->first;
		if (list[i]->reset)
			list[i]->reset(shape->fresh);
	}
	memcpy(s->live, s->fresh, s->words * sizeof(uint64_t));
	return true;
}

struct states *states_new(const struct detector *const *list, size_t n, uint32_t slots)
{
	struct states *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->n = n;
	s->used = 1;
	s->slot = NO_INDEX;
	s->shapes = calloc(n, sizeof(s->shapes[0]));
	if (s->shapes) {
		size_t largest = lay_out(s, list);
		size_t chunks = (s->tops + s->blocks + s->words + CHUNK_WORDS - 1) / CHUNK_WORDS;

		s->values = calloc(largest, sizeof(uint64_t));
		s->live = aligned_alloc(ALIGNMENT, (s->words + STRIDE) * sizeof(uint64_t));
		s->fresh = aligned_alloc(ALIGNMENT, (s->words + STRIDE) * sizeof(uint64_t));
		s->set = calloc(s->blocks, sizeof(uint64_t));
		s->any = calloc(s->tops, sizeof(uint64_t));
		s->kept = memory_table((size_t)slots + 1, sizeof(s->kept[0]));
		s->chunk_memory = memory_table((size_t)slots * chunks + 2, sizeof(s->chunks[0]));
	}
	if (s->values && s->live && s->fresh && s->set && s->any && s->kept && s->chunk_memory) {
		s->chunks = (struct chunk *)(((uintptr_t)s->chunk_memory + ALIGNMENT - 1) /
					     ALIGNMENT * ALIGNMENT);
		memset(s->fresh, 0, (s->words + STRIDE) * sizeof(uint64_t));
		if (make_fresh(s, list))
			return s;
	}
	states_free(s);
	return NULL;
}

void states_free(struct states *s)
{
	if (!s)
		return;
	for (size_t i = 0; s->shapes && i < s->n; i++)
		if (s->shapes[i].of_capture)
			free(s->shapes[i].live);
	free(s->shapes);
	free(s->live);
	free(s->fresh);
	free(s->set);
	free(s->any);
	free(s->values);
	free(s->kept);
	free(s->chunk_memory);
	free(s);
}

/* ---- chains --------------------------------------------------------------- */

/* A place in a chain, word by word. */
struct cursor {
	struct chunk *chunk;
	unsigned word;		/* next one in it; CHUNK_WORDS: it is used up */
};

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

/* The chunk that this link leads to, a new one when it leads nowhere. */
static struct chunk *chunk_of(struct states *s, uint32_t *link)
{
	if (*link == NONE) {
		uint32_t chunk = s->free;

		if (chunk != NONE)
			s->free = s->chunks[chunk].next;
		else
			chunk = s->used++;
		s->chunks[chunk].next = NONE;
		*link = chunk;
	}
	return &s->chunks[*link];
}

static struct cursor begin(struct states *s, uint32_t *head)
{
	return (struct cursor){ .chunk = chunk_of(s, head) };
}

static inline uint64_t next_word(const struct states *s, struct cursor *c)
{
	if (c->word == CHUNK_WORDS)
		*c = (struct cursor){ .chunk = &s->chunks[c->chunk->next] };
	return c->chunk->word[c->word++];
}

static inline void put_word(struct states *s, struct cursor *c, uint64_t value)
{
	if (c->word == CHUNK_WORDS)
		*c = (struct cursor){ .chunk = chunk_of(s, &c->chunk->next) };
	c->chunk->word[c->word++] = value;
}

/* ---- the image ------------------------------------------------------------ */

static void unpack(struct states *s)
{
	struct cursor c = begin(s, &s->kept[s->slot].head);

	__builtin_prefetch(&s->chunks[c.chunk->next], 1);
	for (size_t i = 0; i < s->tops; i++)
		s->any[i] = next_word(s, &c);
	for (size_t i = 0; i < s->tops; i++)
		for (uint64_t any = s->any[i]; any; any &= any - 1)
			s->set[i * BLOCK + (size_t)__builtin_ctzll(any)] = next_word(s, &c);
	for (size_t i = 0; i < s->tops; i++)
		for (uint64_t any = s->any[i]; any; any &= any - 1) {
			size_t block = i * BLOCK + (size_t)__builtin_ctzll(any);

			for (uint64_t set = s->set[block]; set; set &= set - 1)
				s->live[block * BLOCK + (size_t)__builtin_ctzll(set)] =
					next_word(s, &c);
		}
}

/* Bit k: word k of the stride is not as in a fresh state. */
static inline uint64_t differences(const uint64_t *is, const uint64_t *was)
{
	const pair *a = (const pair *)is, *b = (const pair *)was;
	pair any = (a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]);
	uint64_t set = 0;

	/* most of a state is as it was */
	if ((any[0] | any[1]) == 0)
		return 0;
	for (size_t k = 0; k < STRIDE; k++)
		set |= (uint64_t)(is[k] != was[k]) << k;
	return set;
}

/* Which words of the image are set from `at` to `end`, which are in one block?  False: none. */
static bool compare(struct states *s, size_t at, size_t end)
{
	size_t block = at / BLOCK;
	uint64_t whole = (end - at == BLOCK ? 0 : UINT64_C(1) << (end - at)) - 1,
		 mask = whole << at % BLOCK, set = 0;

	for (; at < end; at += STRIDE)
		set |= differences(s->live + at, s->fresh + at) << at % BLOCK;

	uint64_t all = set | (s->set[block] & ~mask);
	uint64_t *any = &s->any[block / BLOCK], bit = UINT64_C(1) << block % BLOCK;

	s->set[block] = all;
	*any = all ? *any | bit : *any & ~bit;
	return set != 0;
}

/* What was written is known again, word by word; false: there is nothing left. */
static bool look_through(struct states *s)
{
	struct kept *kept = &s->kept[s->slot];

	kept->which &= ~s->written;
	for (uint64_t mask = s->written; mask; mask &= mask - 1) {
		const struct shape *shape = &s->shapes[__builtin_ctzll(mask)];
		size_t end = shape->first + shape->words;
		bool any = false;

		for (size_t at = shape->first, next; at < end; at = next) {
			next = at - at % BLOCK + BLOCK;
			next = next < end ? next : end;
			any |= compare(s, at, next);
		}
		if (any)
			kept->which |= mask & -mask;
	}
	return kept->which != 0;
}

/* The image is fresh again; what was in it goes into the chain. */
static void pack(struct states *s)
{
	struct cursor c = begin(s, &s->kept[s->slot].head);

	for (size_t i = 0; i < s->tops; i++)
		put_word(s, &c, s->any[i]);
	for (size_t i = 0; i < s->tops; i++)
		for (uint64_t any = s->any[i]; any; any &= any - 1)
			put_word(s, &c, s->set[i * BLOCK + (size_t)__builtin_ctzll(any)]);
	for (size_t i = 0; i < s->tops; i++)
		for (; s->any[i]; s->any[i] &= s->any[i] - 1) {
			size_t block = i * BLOCK + (size_t)__builtin_ctzll(s->any[i]);
			uint64_t set = s->set[block];

			for (s->set[block] = 0; set; set &= set - 1) {
				size_t word = block * BLOCK + (size_t)__builtin_ctzll(set);

				put_word(s, &c, s->live[word]);
				s->live[word] = s->fresh[word];
			}
		}
	give_back(s, &c.chunk->next);
}

/* The same, when the chain has it already. */
static void renew(struct states *s)
{
	for (size_t i = 0; i < s->tops; i++)
		for (; s->any[i]; s->any[i] &= s->any[i] - 1) {
			size_t block = i * BLOCK + (size_t)__builtin_ctzll(s->any[i]);
			uint64_t set = s->set[block];

			for (s->set[block] = 0; set; set &= set - 1) {
				size_t word = block * BLOCK + (size_t)__builtin_ctzll(set);

				s->live[word] = s->fresh[word];
			}
		}
}

/* Nobody's image is unpacked any more. */
static void put_away(struct states *s)
{
	if (s->slot == NO_INDEX)
		return;
	if (!s->written)
		renew(s);
	else if (look_through(s))
		pack(s);
	else
		give_back(s, &s->kept[s->slot].head);
	s->written = 0;
	s->slot = NO_INDEX;
}

static void bring(struct states *s, uint32_t slot)
{
	if (s->slot == slot)
		return;
	put_away(s);
	s->slot = slot;
	if (s->kept[slot].head != NONE)
		unpack(s);
}

/* The state as it is, which is not to be changed. */
static void *view(struct states *s, uint32_t slot, size_t which)
{
	const struct shape *shape = &s->shapes[which];

	if (shape->of_capture)
		return shape->live;
	if (s->slot != slot && !(s->kept[slot].which >> which & 1))
		return shape->fresh;
	bring(s, slot);
	return shape->live;
}

/* ---- one state ------------------------------------------------------------ */

void states_expect(const struct states *s, uint32_t slot)
{
	__builtin_prefetch(&s->chunks[s->kept[slot].head], 1);
}

const void *states_read(struct states *s, uint32_t slot, size_t which)
{
	assert(!s->open);
	return view(s, slot, which);
}

void *states_open(struct states *s, uint32_t slot, size_t which)
{
	assert(!s->open);
	s->open = &s->shapes[which];
	if (!s->open->of_capture) {
		bring(s, slot);
		s->written |= UINT64_C(1) << which;
	}
	return s->open->live;
}

void *states_look(struct states *s, uint32_t slot, size_t which)
{
	assert(!s->open);
	s->open = &s->shapes[which];
	return view(s, slot, which);
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
	assert(s->open && !s->open->of_capture);
	memcpy(s->open->live, s->open->fresh, bytes_of(s->open));
}

bool states_fresh(struct states *s, uint32_t slot, size_t which)
{
	const struct shape *shape = &s->shapes[which];

	return memcmp(view(s, slot, which), shape->fresh, bytes_of(shape)) == 0;
}

/* ---- all of a slot -------------------------------------------------------- */

void states_forget(struct states *s, uint32_t slot)
{
	if (s->slot == slot)
		put_away(s);
	give_back(s, &s->kept[slot].head);
	s->kept[slot].which = 0;
}

void states_forget_some(struct states *s, uint32_t slot, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		states_open(s, slot, (size_t)__builtin_ctzll(mask));
		states_renew(s);
		states_close(s);
	}
}

void states_move(struct states *s, uint32_t from, uint32_t to, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		size_t i = (size_t)__builtin_ctzll(mask);

		memcpy(s->values, states_read(s, from, i), bytes_of(&s->shapes[i]));
		states_forget_some(s, from, UINT64_C(1) << i);
		memcpy(states_open(s, to, i), s->values, bytes_of(&s->shapes[i]));
		states_close(s);
	}
}
