/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fields of a structure, listed one by one, so that it can be written to an
 * image (pack.h) and checked when it is read back.  Padding between the fields
 * is not written.  An image need not be trusted: a value is taken only if this
 * program could have written it.
 *
 * A structure has one function, of type fields_walk, that names each of its
 * fields; tests/lint fields finds one that is missing.
 */
#ifndef SAWATCH_FIELDS_H
#define SAWATCH_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/addr.h>
#include <sawatch/nsec.h>

struct fields {
	const uint8_t *from;	/* the structure */
	uint8_t *to;		/* as large: gets its values; NULL: they are only looked at */
	bool sane;		/* so far */
};

/* Names each field of `structure` to `f`, by the macros below. */
typedef void fields_walk(struct fields *f, void *structure);

/* A copy of its values, zero everywhere else. */
void fields_copy(fields_walk *walk, void *structure, void *to, size_t size);
/* Could this program have made it? */
bool fields_sane(fields_walk *walk, void *structure);

/*
 * One field, or an array of them: a number without a sign is any; a truth is 0
 * or 1; an int8_t is -1, 0 or 1, as sides and tristates are; an int64_t is a
 * moment or a span; a double is seconds, a float any amount; a text ends within
 * its room.  Other types have functions of their own.
 */
#define FIELD(f, x) _Generic((x), \
	bool: fields_truths, bool *: fields_truths, \
	int8_t: fields_sides, int8_t *: fields_sides, \
	int64_t: fields_times, int64_t *: fields_times, \
	double: fields_seconds, double *: fields_seconds, float: fields_amounts, \
	char *: fields_text, \
	uint8_t: fields_any, uint16_t: fields_any, uint32_t: fields_any, uint64_t: fields_any, \
		int16_t: fields_any, \
	uint8_t *: fields_any, uint16_t *: fields_any, uint32_t *: fields_any, uint64_t *: \
		fields_any \
	)((f), &(x), sizeof(x))

/* an index, a count of what is kept, an enum */
#define FIELD_BELOW(f, x, n) fields_below((f), &(x), sizeof(x), (uint64_t)(x), (n))
#define FIELD_MAYBE(f, x) fields_maybe((f), &(x), sizeof(x))		/* int64_t: or NSEC_NONE */
/* int64_t that counts: added up without end, it stays one */
#define FIELD_COUNT(f, x) fields_counts((f), &(x), sizeof(x))
#define FIELD_REAL(f, x) fields_reals((f), &(x), sizeof(x))		/* double: any amount */

/*
 * A moment or a span: the difference of a moment that the tracker knows and this one is a number.
 */
bool fields_is_time(int64_t at);

/*
 * What the macros call: `at` lies in the structure that is walked, `bytes` is the size of the
 * field, all elements of an array together.  Each copies the field and takes note when it holds
 * what this program never puts there.
 */
void fields_any(struct fields *f, const void *at, size_t bytes);
void fields_truths(struct fields *f, const void *at, size_t bytes);
void fields_sides(struct fields *f, const void *at, size_t bytes);
void fields_times(struct fields *f, const void *at, size_t bytes);	/* fields_is_time() */
void fields_maybe(struct fields *f, const void *at, size_t bytes);	/* or NSEC_NONE */
void fields_counts(struct fields *f, const void *at, size_t bytes);
void fields_seconds(struct fields *f, const void *at, size_t bytes);	/* finite, a span */
void fields_reals(struct fields *f, const void *at, size_t bytes);
void fields_amounts(struct fields *f, const void *at, size_t bytes);
void fields_text(struct fields *f, const void *at, size_t bytes);	/* ends in its room */
/* `value` is what the field says: below `limit`. */
void fields_below(struct fields *f, const void *at, size_t bytes, uint64_t value, uint64_t limit);
void fields_endpoint(struct fields *f, const struct endpoint *e);

/* What two of its values must say of each other. */
static inline void fields_require(struct fields *f, bool condition)
{
	f->sane &= condition;
}

#endif
