/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "detect/states.h"

enum { SLOTS = 5, WIDE = 130 * 8 };	/* bytes; more words than one of the bitmap stands for */
enum { FULL = 40 };	/* so many words at a time fill it */

struct wide { uint64_t word[WIDE / 8]; };
struct begins { int8_t side; char text[20]; };
struct of_all { uint64_t count; };

static void side_unknown(void *state)
{
	((struct begins *)state)->side = -1;
}

static const struct detector wide = { .code = "wide", .state_size = sizeof(struct wide) };
static const struct detector begins = {
	.code = "begins", .state_size = sizeof(struct begins), .reset = side_unknown,
};
static const struct detector of_all = {
	.code = "of_all", .scope = SCOPE_CAPTURE, .state_size = sizeof(struct of_all),
};
static const struct detector *const list[] = { &wide, &begins, &of_all };

static int make(void **state)
{
	*state = states_new(list, 3, SLOTS);
	return *state ? 0 : -1;
}

static int end(void **state)
{
	states_free(*state);
	return 0;
}

static void begins_as_its_detector_says(void **state)
{
	struct states *s = *state;
	struct begins *b = states_open(s, 3, 1);

	assert_int_equal(b->side, -1);
	assert_int_equal(b->text[0], 0);
	states_close(s);
}

static void gives_back_what_was_left_in_it(void **state)
{
	struct states *s = *state;
	struct begins *b = states_open(s, 1, 1);

	b->side = 1;
	memcpy(b->text, "nineteen characters", 20);
	states_close(s);

	struct wide *w = states_open(s, 1, 0);

	assert_int_equal(w->word[0], 0);	/* another detector's */
	w->word[WIDE / 8 - 1] = 7;
	states_close(s);

	b = states_open(s, 1, 1);
	assert_int_equal(b->side, 1);
	assert_string_equal(b->text, "nineteen characters");
	states_close(s);
	b = states_open(s, 2, 1);
	assert_int_equal(b->side, -1);		/* another tunnel's */
	states_close(s);
	w = states_open(s, 1, 0);
	assert_int_equal(w->word[WIDE / 8 - 1], 7);
	states_close(s);
}

static void detectors_of_the_capture_have_one_state_for_all_slots(void **state)
{
	struct states *s = *state;
	struct of_all *a = states_open(s, 0, 2);

	a->count = 3;
	states_close(s);
	states_forget(s, 0);
	a = states_open(s, 4, 2);
	assert_int_equal(a->count, 3);
	states_close(s);
}

static void a_forgotten_slot_begins_anew_and_the_others_stay(void **state)
{
	struct states *s = *state;

	for (uint32_t slot = 0; slot < 2; slot++) {
		((struct begins *)states_open(s, slot, 1))->side = 0;
		states_close(s);
	}
	states_forget(s, 0);
	assert_int_equal(((struct begins *)states_open(s, 0, 1))->side, -1);
	states_close(s);
	assert_int_equal(((struct begins *)states_open(s, 1, 1))->side, 0);
	states_close(s);
}

static void what_was_written_last_is_known_and_forgotten_like_the_rest(void **state)
{
	struct states *s = *state;

	assert_true(states_fresh(s, 2, 1));
	((struct begins *)states_open(s, 2, 1))->side = 0;
	states_close(s);
	assert_false(states_fresh(s, 2, 1));
	((struct begins *)states_open(s, 2, 1))->side = -1;	/* as it begins */
	states_close(s);
	assert_true(states_fresh(s, 2, 1));
	((struct begins *)states_open(s, 2, 1))->side = 1;
	states_close(s);
	states_forget(s, 2);
	assert_int_equal(((struct begins *)states_open(s, 2, 1))->side, -1);
	states_close(s);
}

static void moves_only_what_it_is_told_to(void **state)
{
	struct states *s = *state;

	((struct wide *)states_open(s, 0, 0))->word[5] = 5;
	states_close(s);
	((struct begins *)states_open(s, 0, 1))->side = 0;
	states_close(s);
	((struct begins *)states_open(s, 4, 1))->side = 1;
	states_close(s);
	states_move(s, 0, 4, 1 << 1);
	assert_int_equal(((struct begins *)states_open(s, 0, 1))->side, -1);
	states_close(s);
	assert_int_equal(((struct begins *)states_open(s, 4, 1))->side, 0);
	states_close(s);
	assert_int_equal(((struct wide *)states_open(s, 0, 0))->word[5], 5);
	states_close(s);
}

static void what_is_only_looked_at_goes_on_beside_what_is_written(void **state)
{
	struct states *s = *state;

	((struct wide *)states_open(s, 1, 0))->word[70] = 7;
	states_close(s);
	((struct begins *)states_open(s, 1, 1))->side = 0;
	states_close(s);
	for (int round = 0; round < 3; round++) {
		const struct begins *b = states_read(s, 2, 1);	/* another tunnel in between */

		assert_int_equal(b->side, -1);
		b = states_read(s, 1, 1);
		assert_int_equal(b->side, 0);
		((struct wide *)states_open(s, 1, 0))->word[3 + round] = 1;
		states_close(s);

		const struct wide *w = states_look(s, 1, 0);

		assert_int_equal(w->word[70], 7);
		assert_int_equal(w->word[2 + round], round > 0);
		assert_int_equal(w->word[3 + round], 1);
		states_close(s);
	}
	assert_true(states_fresh(s, 2, 1));
}

/* Growing, shrinking, all of them full at once: the pool must neither mix them up nor run out. */
static void history_of_writing(struct states *s, int words)
{
	static struct wide model[SLOTS];
	unsigned random = 1;

	memset(model, 0, sizeof(model));
	for (int round = 0; round < 3000; round++) {
		uint32_t slot = (uint32_t)round % SLOTS;
		struct wide *w = states_open(s, slot, 0);

		assert_memory_equal(w, &model[slot], sizeof(*w));
		if (words < FULL && round % 23 < (int)SLOTS)
			memset(w, 0, sizeof(*w));
		for (int i = 0; i < words; i++) {
			random = random * 1103515245 + 12345;
			w->word[(random >> 8) % (WIDE / 8)] = (random >> 4) % 3 == 0 ? 0 : random;
		}
		if (round % 97 == 0 && words >= FULL)
			memset(w, round % 2 ? 0 : 0xab, sizeof(*w));
		model[slot] = *w;
		states_close(s);

		/* fresh or not, unpacked or not */
		uint32_t other = (random >> 16) % SLOTS;
		static const struct wide nothing;

		assert_memory_equal(states_read(s, other, 0), &model[other], sizeof(*w));
		assert_int_equal(states_fresh(s, other, 0),
				 memcmp(&model[other], &nothing, sizeof(nothing)) == 0);
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		memset(states_open(s, slot, 0), 0xff, sizeof(struct wide));
		states_close(s);
	}
	for (uint32_t slot = 0; slot < SLOTS; slot++) {
		assert_int_equal(((struct wide *)states_open(s, slot, 0))->word[WIDE / 8 - 1],
				 UINT64_MAX);
		states_close(s);
	}
}

static void any_history_of_writing_reads_back_the_same(void **state)
{
	history_of_writing(*state, FULL);
}

static void any_history_of_a_few_words_reads_back_the_same(void **state)
{
	history_of_writing(*state, 3);
}

/* So it is neither unpacked nor packed at each event. */
static void a_state_that_is_full_stays_where_it_is(void **state)
{
	struct states *s = *state;
	struct wide *w = states_open(s, 1, 0);

	memset(w, 1, sizeof(*w) / 2);
	states_close(s);
	((struct begins *)states_open(s, 2, 1))->side = 1;	/* another tunnel is at work */
	states_close(s);
	w = states_open(s, 1, 0);
	w->word[1] = 9;
	states_close(s);
	((struct begins *)states_open(s, 2, 1))->side = 0;
	states_close(s);
	assert_ptr_equal(states_read(s, 1, 0), w);
	assert_int_equal(w->word[1], 9);
	assert_true(states_kept(s, 1) & 1);
	assert_false(states_fresh(s, 1, 0));
}

static void the_place_of_a_full_state_that_is_forgotten_is_another_s(void **state)
{
	struct states *s = *state;
	const void *was;

	for (uint32_t slot = 0; slot < 2; slot++) {
		memset(states_open(s, slot, 0), 1 + (int)slot, sizeof(struct wide));
		states_close(s);
	}
	((struct begins *)states_open(s, 4, 1))->side = 0;	/* neither is at work */
	states_close(s);
	was = states_read(s, 0, 0);
	states_forget(s, 0);
	assert_true(states_fresh(s, 0, 0));
	assert_int_equal(*(const uint64_t *)states_read(s, 1, 0), UINT64_C(0x0202020202020202));
	memset(states_open(s, 3, 0), 3, sizeof(struct wide));
	states_close(s);
	((struct begins *)states_open(s, 4, 1))->side = 1;
	states_close(s);
	assert_ptr_equal(states_read(s, 3, 0), was);
	assert_int_equal(*(const uint64_t *)states_read(s, 3, 0), UINT64_C(0x0303030303030303));
	assert_true(states_fresh(s, 0, 0));
}

/* A row whose words stay the same ones is not packed anew. */
static void other_values_in_the_same_words_are_what_is_read_back(void **state)
{
	struct states *s = *state;
	static const size_t words[] = { 0, 3, 47, 48, 96, WIDE / 8 - 1 };

	for (uint64_t round = 1; round <= 9; round++)
		for (uint32_t slot = 0; slot < SLOTS; slot++) {
			struct wide *w = states_open(s, slot, 0);
			const struct begins *b;

			for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
				uint64_t now = round << 32 | slot << 8 | i;

				assert_int_equal(w->word[words[i]],
						 round == 1 ? 0 : now - (UINT64_C(1) << 32));
				w->word[words[i]] = now;
			}
			assert_int_equal(w->word[1], 0);
			states_close(s);
			if (round % 3 == 1) {	/* beside what another detector keeps */
				((struct begins *)states_open(s, slot, 1))->side = (int8_t)round;
				states_close(s);
			}
			b = states_read(s, slot, 1);
			assert_int_equal(b->side, round - (round - 1) % 3);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(begins_as_its_detector_says, make, end),
		cmocka_unit_test_setup_teardown(gives_back_what_was_left_in_it, make, end),
		cmocka_unit_test_setup_teardown(
			detectors_of_the_capture_have_one_state_for_all_slots, make, end),
		cmocka_unit_test_setup_teardown(
			a_forgotten_slot_begins_anew_and_the_others_stay, make, end),
		cmocka_unit_test_setup_teardown(
			what_was_written_last_is_known_and_forgotten_like_the_rest, make, end),
		cmocka_unit_test_setup_teardown(moves_only_what_it_is_told_to, make, end),
		cmocka_unit_test_setup_teardown(
			what_is_only_looked_at_goes_on_beside_what_is_written, make, end),
		cmocka_unit_test_setup_teardown(
			any_history_of_writing_reads_back_the_same, make, end),
		cmocka_unit_test_setup_teardown(
			any_history_of_a_few_words_reads_back_the_same, make, end),
		cmocka_unit_test_setup_teardown(a_state_that_is_full_stays_where_it_is, make, end),
		cmocka_unit_test_setup_teardown(
			the_place_of_a_full_state_that_is_forgotten_is_another_s, make, end),
		cmocka_unit_test_setup_teardown(
			other_values_in_the_same_words_are_what_is_read_back, make, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
