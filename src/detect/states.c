/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All that is kept of one tunnel lies together: the states of its detectors, one
 * behind the other, are an image of some dozens of blocks, of which only the
 * words that differ from a fresh one are kept.  Packed it is a row of words:
 * some in which each bit stands for a block that has any (`any`), of each such
 * block which of its words they are and how many (`set`), and then these words.
 * It rests in a chain of chunks.  The pool of chunks is as large as all tunnels
 * at their fullest: it cannot run out, and what was never used costs only addresses.
 *
 * One tunnel is at work at a time and stays so until another one is asked for:
 * what a message tells of comes as several events.  Of its row, only states that
 * are asked for are unpacked, and only what was opened to be written is compared
 * and packed again; the rest is copied from row to row, or stays where it is when
 * the same words are kept as before.  Where nothing is kept of a detector, reading
 * it does not even fetch the row.
 *
 * A state that fills (the latest sixteen of something) would be unpacked, compared and
 * packed in full at each event.  It goes to a place of its own, as it is, and stays there
 * until its tunnel is forgotten: it is read and written where it lies.  A sheet of the
 * tunnel says which states have a place, and where.
 */
#include "detect/states.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

enum { CHUNK_WORDS = 15, STRIDE = 16, BLOCK = 3 * STRIDE, TOP = 64, NONE = 0, ALIGNMENT = 64 };

/* Two words that are compared at once. */
typedef uint64_t pair __attribute__((vector_size(16), may_alias));

struct chunk {
	uint32_t next;		/* NONE: the last */
	uint64_t word[CHUNK_WORDS];
};

struct shape {
	size_t block, blocks;	/* in the image */
	size_t words;		/* that it has of them */
	uint64_t *live, *fresh;	/* there, or of its own */
	bool of_capture;	/* there is only one, never packed: it is no part of the image */
	bool of_zeros;		/* fresh */
	/* for those that are full; [0] is nobody's.  A free one begins with the next free one */
	uint64_t *places;
	uint32_t free_place, used_places;
};

/* A state is full when so many of its words are not fresh, and this part of all. */
enum { FULL_FROM = 16, FULL_PART = 12 };

struct states {
	size_t n;		/* detectors */
	struct shape *shapes;
	size_t blocks, tops;	/* of the image, words of `any` */
	size_t words;		/* of all states at their fullest */
	uint64_t *live;		/* the image */
	uint64_t *fresh;	/* of a tunnel of which nothing was observed */
	uint32_t slot;		/* who is at work; NO_INDEX: nobody */
	uint64_t packed;	/* detectors whose state is not yet in its image, but in its row */
	uint64_t written;	/* those whose state was opened to be written */
	uint64_t *row;		/* what was kept of it */
	size_t row_words;
	uint64_t *any;		/* of it; all 0 for nobody */
	uint64_t *set;		/* of a block that has any */
	uint64_t *kept_words;	/* of the row, behind what says which */
	uint16_t *at;		/* where among them those of a block begin */
	uint64_t *next_row;	/* the one that takes its place */
	struct kept {
		uint64_t which;	/* detectors whose state is not fresh, before `written` */
		uint32_t head;	/* NONE: all are, or have places */
		uint32_t sheet;	/* NONE: none has a place */
	} *kept;		/* by slot */
	uint32_t *sheets;	/* of each the places of its detectors, NONE: in the row */
	uint32_t free_sheet, used_sheets;	/* a free one begins with the next free one */
	void *own;		/* memory of places and sheets */
	size_t own_bytes;
	struct chunk *chunks;	/* [0] is NONE; each is aligned, for they begin a page */
	size_t chunks_bytes;
	uint32_t free, used;	/* list of chunks given back; chunks ever used */
	uint64_t *values;	/* states_values(), states_move() */
	const struct shape *open;
	uint64_t *open_at;	/* its state */
};

/* Of the state, without what is left of its last block. */
static size_t bytes_of(const struct shape *shape)
{
	return shape->words * sizeof(uint64_t);
}

/* Where each state lies; returns how many bytes the largest has. */
static size_t lay_out(struct states *s, const struct detector *const *list)
{
	size_t largest = 0;

	for (size_t i = 0; i < s->n; i++) {
		struct shape *shape = &s->shapes[i];
		size_t words = (list[i]->state_size + sizeof(uint64_t) - 1) / sizeof(uint64_t);

		shape->words = words;
		shape->blocks = (words + BLOCK - 1) / BLOCK;
		shape->block = s->blocks;
		shape->of_capture = list[i]->scope == SCOPE_CAPTURE;
		largest = bytes_of(shape) > largest ? bytes_of(shape) : largest;
		if (shape->of_capture)
			continue;
		s->blocks += shape->blocks;
		s->words += words;
	}
	s->tops = s->blocks / TOP + 1;
	return largest;
}

static bool only_zeros(const uint64_t *words, size_t bytes)
{
	for (size_t i = 0; i < bytes / sizeof(*words); i++)
		if (words[i] != 0)
			return false;
	return true;
}

static bool make_fresh(struct states *s, const struct detector *const *list)
{
	for (size_t i = 0; i < s->n; i++) {
		struct shape *shape = &s->shapes[i];

		if (shape->of_capture) {
			shape->live = calloc(1, bytes_of(shape) + 1);
			if (!shape->live)
				return false;
			if (list[i]->reset)
				list[i]->reset(shape->live);
			continue;
		}
		shape->live = s->live + shape->block * BLOCK;
		shape->fresh = s->fresh + shape->block * BLOCK;
		if (list[i]->reset)
			list[i]->reset(shape->fresh);
		shape->of_zeros = only_zeros(shape->fresh, bytes_of(shape));
	}
	memcpy(s->live, s->fresh, s->blocks * BLOCK * sizeof(uint64_t));
	return true;
}

/* Address space for every state of every slot, and for the sheets. */
static bool make_places(struct states *s, uint32_t slots)
{
	size_t each = (size_t)slots + 1;

	s->own_bytes = each * (s->words * sizeof(uint64_t) + s->n * sizeof(s->sheets[0]));
	s->own = memory_reserve(s->own_bytes);
	if (!s->own)
		return false;

	uint64_t *at = s->own;

	for (size_t i = 0; i < s->n; i++) {
		if (s->shapes[i].of_capture)
			continue;
		s->shapes[i].places = at;
		s->shapes[i].used_places = 1;
		at += each * s->shapes[i].words;
	}
	s->sheets = (uint32_t *)at;
	s->used_sheets = 1;
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
		size_t image = (s->blocks + 1) * BLOCK * sizeof(uint64_t);
		size_t chunks = (s->tops + s->blocks + s->words) / CHUNK_WORDS + 1;

		s->values = calloc(1, largest + 1);
		s->live = aligned_alloc(ALIGNMENT, image);
		s->fresh = aligned_alloc(ALIGNMENT, image);
		s->any = calloc(s->tops, sizeof(uint64_t));
		s->set = calloc(s->blocks + 1, sizeof(uint64_t));
		s->at = calloc(s->blocks + 1, sizeof(s->at[0]));
		s->row = calloc(chunks, sizeof(s->chunks->word));
		s->next_row = calloc(chunks, sizeof(s->chunks->word));
		s->kept = memory_table((size_t)slots + 1, sizeof(s->kept[0]));
		s->chunks_bytes = ((size_t)slots * chunks + 1) * sizeof(s->chunks[0]);
		s->chunks = memory_reserve(s->chunks_bytes);
		if (s->fresh)
			memset(s->fresh, 0, image);
	}
	if (s->values && s->live && s->fresh && s->any && s->set && s->at && s->row &&
	    s->next_row && s->kept && s->chunks && make_places(s, slots)) {
		s->kept_words = s->row;
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
	free(s->any);
	free(s->set);
	free(s->at);
	free(s->row);
	free(s->next_row);
	free(s->values);
	free(s->kept);
	memory_unreserve(s->chunks, s->chunks_bytes);
	memory_unreserve(s->own, s->own_bytes);
	free(s);
}

/* ---- chains --------------------------------------------------------------- */

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

/* A row from its chain, with what is behind it in the last chunk. */
static void fetch_row(const struct states *s, uint32_t head, uint64_t *ret)
{
	for (uint32_t i = head; i != NONE; i = s->chunks[i].next) {
		__builtin_prefetch(&s->chunks[s->chunks[i].next], 1);
		memcpy(ret, s->chunks[i].word, sizeof(s->chunks[i].word));
		ret += CHUNK_WORDS;
	}
}

static void keep_row(struct states *s, const uint64_t *row, size_t words, uint32_t *link)
{
	for (size_t i = 0; i < words; i += CHUNK_WORDS) {
		struct chunk *chunk = chunk_of(s, link);

		memcpy(chunk->word, row + i, sizeof(chunk->word));
		link = &chunk->next;
	}
	give_back(s, link);
}

/* ---- places of their own -------------------------------------------------- */

static uint64_t *place(const struct shape *shape, uint32_t at)
{
	return shape->places + at * shape->words;
}

static uint32_t *sheet(const struct states *s, uint32_t at)
{
	return s->sheets + at * s->n;
}

/* The state of this slot, where it has a place of its own; else NULL. */
static inline uint64_t *in_place(const struct states *s, uint32_t slot, size_t which)
{
	uint32_t of_slot = s->kept[slot].sheet;
	uint32_t at = of_slot != NONE ? sheet(s, of_slot)[which] : NONE;

	return at != NONE ? place(&s->shapes[which], at) : NULL;
}

/* The state of who is at work moves from the image, which is fresh again. */
static void give_place(struct states *s, size_t which)
{
	struct shape *shape = &s->shapes[which];
	struct kept *kept = &s->kept[s->slot];
	uint32_t at = shape->free_place;

	if (kept->sheet == NONE) {
		kept->sheet = s->free_sheet;
		if (kept->sheet != NONE)
			s->free_sheet = *sheet(s, kept->sheet);
		else
			kept->sheet = s->used_sheets++;
		memset(sheet(s, kept->sheet), 0, s->n * sizeof(s->sheets[0]));
	}
	if (at != NONE)
		shape->free_place = (uint32_t)*place(shape, at);
	else
		at = shape->used_places++;
	sheet(s, kept->sheet)[which] = at;
	memcpy(place(shape, at), shape->live, bytes_of(shape));
	memcpy(shape->live, shape->fresh, bytes_of(shape));
}

static void take_places(struct states *s, uint32_t slot)
{
	uint32_t of_slot = s->kept[slot].sheet;

	if (of_slot == NONE)
		return;
	for (size_t i = 0; i < s->n; i++) {
		uint32_t at = sheet(s, of_slot)[i];

		if (at == NONE)
			continue;
		*place(&s->shapes[i], at) = s->shapes[i].free_place;
		s->shapes[i].free_place = at;
	}
	*sheet(s, of_slot) = s->free_sheet;
	s->free_sheet = of_slot;
	s->kept[slot].sheet = NONE;
}

/* ---- a row ---------------------------------------------------------------- */

/* Of a block, in one word: bit k, its word k is kept; and above these bits how many are. */
static inline uint64_t set_bits(uint64_t set)
{
	return set & ((UINT64_C(1) << BLOCK) - 1);
}

static inline size_t set_count(uint64_t set)
{
	return set >> BLOCK;
}

/* The lowest bit that is set. */
static inline size_t lowest(uint64_t bits)
{
	return (size_t)__builtin_ctzll(bits);
}

/* Who is at work has a row: what is where in it. */
static void read_row(struct states *s)
{
	uint64_t *set = s->row + s->tops;
	size_t at = 0;

	fetch_row(s, s->kept[s->slot].head, s->row);
	for (size_t i = 0; i < s->tops; i++) {
		s->any[i] = s->row[i];
		for (uint64_t any = s->any[i]; any; any &= any - 1) {
			size_t block = i * TOP + lowest(any);

			s->set[block] = *set++;
			s->at[block] = (uint16_t)at;
			at += set_count(s->set[block]);
		}
	}
	s->kept_words = set;
	s->row_words = (size_t)(set - s->row) + at;
}

static inline bool has_any(const struct states *s, size_t block)
{
	return s->any[block / TOP] >> block % TOP & 1;
}

/* The state of a detector comes into the image. */
static void unpack(struct states *s, size_t which)
{
	const struct shape *shape = &s->shapes[which];

	s->packed &= ~(UINT64_C(1) << which);
	for (size_t i = shape->block; i < shape->block + shape->blocks; i++) {
		if (!has_any(s, i))
			continue;

		const uint64_t *word = s->kept_words + s->at[i];
		uint64_t *live = s->live + i * BLOCK;

		for (uint64_t set = set_bits(s->set[i]); set; set &= set - 1)
			live[lowest(set)] = *word++;
	}
}

/* Is this stride as in a fresh state?  Most are. */
static inline bool is_as_it_was(const uint64_t *is, const uint64_t *was)
{
	const pair *a = (const pair *)is, *b = (const pair *)was;
	pair any = a[0] ^ b[0];

	for (size_t k = 1; k < STRIDE / 2; k++)
		any |= a[k] ^ b[k];
	return (any[0] | any[1]) == 0;
}

/* The same, where all of a fresh one are zeros. */
static inline bool is_zero(const uint64_t *is)
{
	const pair *a = (const pair *)is;
	pair any = a[0];

	for (size_t k = 1; k < STRIDE / 2; k++)
		any |= a[k];
	return (any[0] | any[1]) == 0;
}

/* Bit k: word k of the block is not as in a fresh state. */
static inline uint64_t differences(const uint64_t *is, const uint64_t *was, bool of_zeros)
{
	uint64_t set = 0;

	for (size_t at = BLOCK; at > 0;) {
		at -= STRIDE;
		set <<= STRIDE;
		if (of_zeros ? is_zero(is + at) : is_as_it_was(is + at, was + at))
			continue;

		uint64_t of_stride = 0;

		for (size_t k = at + STRIDE; k-- > at;)
			of_stride += of_stride + (is[k] != was[k]);
		set |= of_stride;
	}
	return set;
}

/* How many bits are set.  Half of all CPUs would be asked by a call. */
static inline size_t ones(uint64_t bits)
{
	size_t n = 0;

	for (; bits; bits &= bits - 1)
		n++;
	return n;
}

/* Nothing of a detector is kept in the row any more. */
static void leave_row(struct states *s, const struct shape *shape)
{
	for (size_t block = shape->block; block < shape->block + shape->blocks; block++)
		s->any[block / TOP] &= ~(UINT64_C(1) << block % TOP);
}

/*
 * What was written is known again, word by word: in `set` and `any`, without counts.  Returns the
 * detectors of which anything is left; and whether other words are to be kept than before.
 */
static uint64_t look_through(struct states *s, bool *ret_others)
{
	uint64_t left = s->kept[s->slot].which & ~s->written;

	*ret_others = false;
	for (uint64_t mask = s->written; mask; mask &= mask - 1) {
		const struct shape *shape = &s->shapes[lowest(mask)];
		uint64_t all = 0;
		size_t words = 0;

		for (size_t block = shape->block; block < shape->block + shape->blocks; block++) {
			uint64_t set = differences(s->live + block * BLOCK,
						   s->fresh + block * BLOCK, shape->of_zeros);
			uint64_t *any = &s->any[block / TOP], bit = UINT64_C(1) << block % TOP;

			*ret_others |= set != (*any & bit ? set_bits(s->set[block]) : 0);
			s->set[block] = set;
			*any = set ? *any | bit : *any & ~bit;
			all |= set;
			words += ones(set);
		}
		left |= all ? mask & -mask : 0;
		if (words >= FULL_FROM && words * FULL_PART >= shape->words) {
			give_place(s, lowest(mask));
			leave_row(s, shape);
			*ret_others = true;
		}
	}
	return left;
}

/* The row as it is now: what is new from the image, the rest as it was.  Returns its words. */
static size_t pack(struct states *s)
{
	uint64_t *set = s->next_row, *to = set + s->tops;
	const uint64_t *from = s->kept_words;
	size_t run = 0;		/* words from there that are to be copied */

	for (size_t i = 0; i < s->tops; i++) {
		*set++ = s->any[i];
		for (uint64_t any = s->any[i]; any; any &= any - 1)
			to++;
	}
	for (size_t i = 0; i < s->tops; i++)
		for (uint64_t any = s->any[i]; any; any &= any - 1) {
			size_t block = i * TOP + lowest(any), n = set_count(s->set[block]);
			const uint64_t *live = s->live + block * BLOCK;
			const uint64_t *old = s->kept_words + s->at[block];

			if (n == 0 || old != from + run) {
				memcpy(to, from, run * sizeof(*to));
				to += run;
				from = old;
				run = 0;
			}
			run += n;
			if (n == 0)
				for (uint64_t bits = s->set[block]; bits; bits &= bits - 1, n++)
					*to++ = live[lowest(bits)];
			*set++ = set_bits(s->set[block]) | (uint64_t)n << BLOCK;
		}
	memcpy(to, from, run * sizeof(*to));
	return (size_t)(to + run - s->next_row);
}

/* The same words are kept as before: what was written takes its places in the row. */
static void refresh(struct states *s)
{
	for (uint64_t mask = s->written; mask; mask &= mask - 1) {
		const struct shape *shape = &s->shapes[lowest(mask)];

		for (size_t i = shape->block; i < shape->block + shape->blocks; i++) {
			if (!has_any(s, i))
				continue;

			const uint64_t *live = s->live + i * BLOCK;
			uint64_t *word = s->kept_words + s->at[i];

			for (uint64_t set = s->set[i]; set; set &= set - 1)
				*word++ = live[lowest(set)];
		}
	}
}

static void keep_written(struct states *s)
{
	struct kept *kept = &s->kept[s->slot];
	bool others;

	uint64_t any = 0;

	kept->which = look_through(s, &others);
	for (size_t i = 0; i < s->tops; i++)
		any |= s->any[i];
	if (!any) {
		give_back(s, &kept->head);
	} else if (others) {
		keep_row(s, s->next_row, pack(s), &kept->head);
	} else {
		refresh(s);
		keep_row(s, s->row, s->row_words, &kept->head);
	}
}

/* What was unpacked is fresh again in the image, and nobody has a row. */
static void renew(struct states *s, uint64_t unpacked)
{
	for (uint64_t mask = unpacked; mask; mask &= mask - 1) {
		const struct shape *shape = &s->shapes[lowest(mask)];

		for (size_t i = shape->block; i < shape->block + shape->blocks; i++) {
			uint64_t set = has_any(s, i) ? set_bits(s->set[i]) : 0;
			uint64_t *live = s->live + i * BLOCK;
			const uint64_t *fresh = s->fresh + i * BLOCK;

			for (; set; set &= set - 1)
				live[lowest(set)] = fresh[lowest(set)];
		}
	}
	for (size_t i = 0; i < s->tops; i++)
		s->any[i] = 0;
}

/* Nobody is at work any more. */
static void put_away(struct states *s)
{
	if (s->slot == NO_INDEX)
		return;

	uint64_t unpacked = (s->kept[s->slot].which & ~s->packed) | s->written;

	if (s->written)
		keep_written(s);
	renew(s, unpacked);
	s->packed = s->written = 0;
	s->slot = NO_INDEX;
}

static void bring(struct states *s, uint32_t slot)
{
	if (s->slot == slot)
		return;
	put_away(s);
	s->slot = slot;
	s->packed = s->kept[slot].which;
	if (s->kept[slot].head != NONE)
		read_row(s);
}

/* The state as it is, which is not to be changed. */
static void *view(struct states *s, uint32_t slot, size_t which)
{
	const struct shape *shape = &s->shapes[which];

	if (shape->of_capture)
		return shape->live;

	uint64_t *own = in_place(s, slot, which);

	if (own)
		return own;
	if (s->slot != slot && !(s->kept[slot].which >> which & 1))
		return shape->fresh;
	bring(s, slot);
	if (s->packed >> which & 1)
		unpack(s, which);
	return shape->live;
}

/* ---- one state ------------------------------------------------------------ */

void states_expect(const struct states *s, uint32_t slot)
{
	__builtin_prefetch(&s->chunks[s->kept[slot].head], 1);
}

uint64_t states_kept(const struct states *s, uint32_t slot)
{
	return s->kept[slot].which | (s->slot == slot ? s->written : 0);
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
	s->open_at = s->open->of_capture ? s->open->live : in_place(s, slot, which);
	if (!s->open_at) {
		bring(s, slot);
		if (s->packed >> which & 1)
			unpack(s, which);
		s->written |= UINT64_C(1) << which;
		s->open_at = s->open->live;
	}
	return s->open_at;
}

void *states_look(struct states *s, uint32_t slot, size_t which)
{
	assert(!s->open);
	s->open = &s->shapes[which];
	s->open_at = view(s, slot, which);
	return s->open_at;
}

void states_close(struct states *s)
{
	s->open = NULL;
}

const void *states_values(struct states *s, const struct detector *d)
{
	assert(s->open);
	fields_copy(d->fields, s->open_at, s->values, d->state_size);
	return s->values;
}

void states_renew(struct states *s)
{
	assert(s->open && !s->open->of_capture);
	memcpy(s->open_at, s->open->fresh, bytes_of(s->open));
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
	take_places(s, slot);
	s->kept[slot].which = 0;
}

void states_forget_some(struct states *s, uint32_t slot, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		states_open(s, slot, lowest(mask));
		states_renew(s);
		states_close(s);
	}
}

void states_move(struct states *s, uint32_t from, uint32_t to, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		size_t i = lowest(mask);

		memcpy(s->values, states_read(s, from, i), bytes_of(&s->shapes[i]));
		states_forget_some(s, from, UINT64_C(1) << i);
		memcpy(states_open(s, to, i), s->values, bytes_of(&s->shapes[i]));
		states_close(s);
	}
}
