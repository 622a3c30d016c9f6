/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/fields.h>

struct thing {
	uint8_t small;		/* seven bytes of nothing follow */
	uint64_t large;
	bool truths[3];
	int8_t side;
	int64_t at, maybe, count;
	double seconds, any;
	float amount;
	char text[6];
	uint8_t kept;
	struct endpoint where;
};

static void thing_fields(struct fields *f, void *structure)
{
	struct thing *t = structure;

	FIELD(f, t->small);
	FIELD(f, t->large);
	FIELD(f, t->truths);
	FIELD(f, t->side);
	FIELD(f, t->at);
	FIELD_MAYBE(f, t->maybe);
	FIELD_COUNT(f, t->count);
	FIELD(f, t->seconds);
	FIELD_REAL(f, t->any);
	FIELD(f, t->amount);
	FIELD(f, t->text);
	FIELD_BELOW(f, t->kept, 5);
	fields_endpoint(f, &t->where);
}

/* In a block of its size, between bytes that are anything. */
static struct thing *some_thing(int filled_with)
{
	struct thing *t = malloc(sizeof(*t));

	assert_non_null(t);
	memset(t, filled_with, sizeof(*t));
	t->small = 1;
	t->large = UINT64_MAX;
	memcpy(t->truths, (bool[3]){ true, false, true }, sizeof(t->truths));
	t->side = -1;
	t->at = INT64_C(1700000000) * NSEC_PER_S;
	t->maybe = NSEC_NONE;
	t->count = -3;
	t->seconds = 1e6;
	t->any = 1e18;
	t->amount = 1e12f;
	memset(t->text, 0, sizeof(t->text));
	memcpy(t->text, "abcde", 6);
	t->kept = 4;
	t->where = (struct endpoint){ addr_v4(0x01020304), 500 };
	return t;
}

static void a_copy_is_the_same_whatever_lay_between_the_values(void **state)
{
	struct thing *a = some_thing(0xaa), *b = some_thing(0x55);
	uint8_t copy[2][sizeof(struct thing)];

	(void)state;
	assert_memory_not_equal(a, b, sizeof(*a));
	fields_copy(thing_fields, a, copy[0], sizeof(*a));
	fields_copy(thing_fields, b, copy[1], sizeof(*b));
	assert_memory_equal(copy[0], copy[1], sizeof(copy[0]));
	assert_int_equal(copy[0][1], 0);	/* between `small` and `large` */

	struct thing back;

	memcpy(&back, copy[0], sizeof(back));
	assert_int_equal(back.large, UINT64_MAX);
	assert_true(back.truths[0] && !back.truths[1] && back.truths[2]);
	assert_true(back.maybe == NSEC_NONE && back.count == -3 && back.kept == 4);
	assert_string_equal(back.text, "abcde");
	assert_true(endpoint_equal(back.where, a->where));
	free(a);
	free(b);
}

#define REFUSED(change)                                                                    \
	do {                                                                               \
		struct thing *t = some_thing(0);                                           \
		assert_true(fields_sane(thing_fields, t));                                 \
		change;                                                                    \
		assert_false(fields_sane(thing_fields, t));                                \
		free(t);                                                                   \
	} while (0)

#define TAKEN(change)                                                                      \
	do {                                                                               \
		struct thing *t = some_thing(0);                                           \
		change;                                                                    \
		assert_true(fields_sane(thing_fields, t));                                 \
		free(t);                                                                   \
	} while (0)

static void a_truth_is_zero_or_one_and_a_side_is_known_or_not(void **state)
{
	(void)state;
	REFUSED(((uint8_t *)t->truths)[2] = 2);
	REFUSED(((uint8_t *)t->truths)[0] = 0xff);
	TAKEN(t->side = 0);
	TAKEN(t->side = 1);
	REFUSED(t->side = 2);
	REFUSED(t->side = -2);
}

static void the_difference_of_a_moment_and_any_other_is_a_number(void **state)
{
	const int64_t earliest = -(INT64_C(1) << 61), latest = INT64_C(1) << 62;
	int64_t r;

	(void)state;
	for (int i = 0; i < 2; i++) {		/* the largest and the smallest that pass */
		int64_t at = i ? latest + (INT64_C(1) << 61) - 1 : earliest;

		TAKEN(t->at = at);
		TAKEN(t->maybe = at);
		REFUSED(t->at = i ? at + 1 : at - 1);
		REFUSED(t->maybe = i ? at + 1 : at - 1);
		assert_false(__builtin_sub_overflow(latest, at, &r) ||
			     __builtin_sub_overflow(earliest, at, &r));
		assert_false(__builtin_sub_overflow(at, latest, &r) ||
			     __builtin_sub_overflow(at, earliest, &r));
	}
	REFUSED(t->at = NSEC_NONE);
	REFUSED(t->count = INT64_C(1) << 57);
	REFUSED(t->count = INT64_MIN);
}

static void what_is_no_number_is_no_amount(void **state)
{
	const double nan = strtod("nan", NULL), infinite = strtod("inf", NULL);

	(void)state;
	REFUSED(t->seconds = nan);
	REFUSED(t->seconds = 1e10);		/* as nanoseconds it is none */
	REFUSED(t->any = nan);
	REFUSED(t->any = infinite);
	REFUSED(t->any = -1e19);
	REFUSED(t->amount = (float)nan);
	REFUSED(t->amount = (float)infinite);
}

static void an_index_is_within_and_a_text_ends(void **state)
{
	(void)state;
	REFUSED(t->kept = 5);
	REFUSED(t->kept = 255);
	REFUSED(t->text[5] = 'f');
	TAKEN(t->text[0] = '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_is_the_same_whatever_lay_between_the_values),
		cmocka_unit_test(a_truth_is_zero_or_one_and_a_side_is_known_or_not),
		cmocka_unit_test(the_difference_of_a_moment_and_any_other_is_a_number),
		cmocka_unit_test(what_is_no_number_is_no_amount),
		cmocka_unit_test(an_index_is_within_and_a_text_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
