/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/pack.h>

enum { ROOM = 4096, SIZE = 300 };

static uint8_t room[ROOM];

static struct packer begun(void)
{
	memset(room, 0xee, sizeof(room));
	return (struct packer){ .at = room, .room = sizeof(room) };
}

static void numbers_and_texts_come_back_in_their_order(void **state)
{
	struct packer p = begun();
	struct bytes text;

	(void)state;
	pack_u8(&p, 0xfe);
	pack_u32(&p, 0x01020304);
	pack_u64(&p, UINT64_C(0x1122334455667788));
	pack_text(&p, "hq-branch1");
	pack_text(&p, "");
	pack_text(&p, NULL);
	assert_int_equal(p.used, 1 + 4 + 8 + 2 + 10 + 2 + 2);
	assert_memory_equal(room + 1, "\1\2\3\4", 4);

	struct reader r = reader_over(room, p.used, p.used);

	assert_int_equal(reader_u8(&r), 0xfe);
	assert_int_equal(reader_u32(&r), 0x01020304);
	assert_int_equal(reader_u64(&r), UINT64_C(0x1122334455667788));
	assert_true(unpack_text(&r, &text));
	assert_int_equal(text.length, 10);
	assert_memory_equal(text.data, "hq-branch1", 10);
	assert_true(unpack_text(&r, &text));
	assert_int_equal(text.length, 0);
	assert_false(unpack_text(&r, &text));	/* NULL */
	assert_true(reader_ok(&r));
	assert_false(unpack_text(&r, &text));	/* nothing */
	assert_false(reader_ok(&r));
}

static void a_text_that_is_too_long_is_cut_and_is_not_null(void **state)
{
	char *text = malloc(70001);
	uint8_t *large = malloc(80000);
	struct packer p = { .at = large, .room = 80000 };
	struct bytes back;

	(void)state;
	memset(text, 'x', 70000);
	text[70000] = '\0';
	pack_text(&p, text);

	struct reader r = reader_over(large, p.used, p.used);

	assert_true(unpack_text(&r, &back));
	assert_int_equal(back.length, 65534);
	free(text);
	free(large);
}

/* Structures that are all zeros, none, and runs of every length at every place. */
static void an_image_comes_back_whatever_zeros_it_has(void **state)
{
	uint8_t image[SIZE], back[SIZE];

	(void)state;
	for (size_t run = 0; run <= SIZE; run += 1 + run / 8)
		for (size_t at = 0; at + run <= SIZE; at += 7) {
			struct packer p = begun();

			memset(image, 0x5a, sizeof(image));
			memset(image + at, 0, run);
			pack_image(&p, image, sizeof(image));
			assert_true(p.used <= 4 + 3 * 4 + SIZE - (run >= 4 ? run : 0));

			struct reader r = reader_over(room, p.used, p.used);

			unpack_image(&r, back, sizeof(back));
			assert_true(reader_ok(&r));
			assert_int_equal(r.left, 0);
			assert_memory_equal(back, image, sizeof(image));
		}
}

static void an_image_of_another_size_is_rejected_and_zero(void **state)
{
	uint8_t image[SIZE], back[SIZE + 1];
	struct packer p = begun();

	(void)state;
	memset(image, 1, sizeof(image));
	pack_image(&p, image, sizeof(image));

	struct reader r = reader_over(room, p.used, p.used);

	memset(back, 9, sizeof(back));
	unpack_image(&r, back, sizeof(back));
	assert_int_equal(r.verdict, VERDICT_MALFORMED);
	for (size_t i = 0; i < sizeof(back); i++)
		assert_int_equal(back[i], 0);
}

/* In exact-size copies, so that the sanitizer sees one byte too many. */
static void damage_and_cuts_are_rejected_or_give_an_image_of_that_size(void **state)
{
	uint8_t image[SIZE] = { 1, 2, 3, 0, 0, 0, 0, 0, 0, 4, 0, 5 }, back[SIZE];
	struct packer p = begun();

	(void)state;
	pack_image(&p, image, sizeof(image));
	for (size_t length = 0; length < p.used; length++) {
		uint8_t *copy = malloc(length + (length == 0));

		memcpy(copy, room, length);

		struct reader r = reader_over(copy, length, length);

		unpack_image(&r, back, sizeof(back));
		assert_false(reader_ok(&r));
		assert_int_equal(back[0], 0);
		free(copy);
	}
	for (size_t at = 0; at < p.used; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			uint8_t *copy = malloc(p.used);

			memcpy(copy, room, p.used);
			copy[at] ^= (uint8_t)(1u << bit);

			struct reader r = reader_over(copy, p.used, p.used);

			unpack_image(&r, back, sizeof(back));
			assert_true(reader_ok(&r) || (back[0] == 0 && back[SIZE - 1] == 0));
			free(copy);
		}
}

/* A step of nothing would never come to the end. */
static void a_step_of_nothing_is_rejected(void **state)
{
	static const uint8_t bytes[] = { 0, 0, 0, 8, 0, 0, 0, 0, 0, 8, 0, 0 };
	struct reader r = reader_over(bytes, sizeof(bytes), sizeof(bytes));
	uint8_t back[8];

	(void)state;
	unpack_image(&r, back, sizeof(back));
	assert_int_equal(r.verdict, VERDICT_MALFORMED);
}

static void without_room_it_says_how_much_is_needed_and_writes_nothing_beyond(void **state)
{
	uint8_t image[SIZE];
	struct packer whole = begun();

	(void)state;
	memset(image, 7, sizeof(image));
	pack_u64(&whole, 1);
	pack_text(&whole, "name");
	pack_image(&whole, image, sizeof(image));
	for (size_t there = 0; there < whole.used; there++) {
		uint8_t *small = malloc(there + (there == 0));
		struct packer p = { .at = small, .room = there };

		pack_u64(&p, 1);
		pack_text(&p, "name");
		pack_image(&p, image, sizeof(image));
		assert_int_equal(p.used, whole.used);
		free(small);
	}
}

static void the_sum_tells_every_changed_bit_and_every_length(void **state)
{
	uint8_t bytes[37];
	uint64_t sum;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	sum = pack_sum(bytes, sizeof(bytes));
	assert_true(pack_sum(bytes, sizeof(bytes)) == sum);
	for (size_t at = 0; at < sizeof(bytes); at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[at] ^= (uint8_t)(1u << bit);
			assert_true(pack_sum(bytes, sizeof(bytes)) != sum);
			bytes[at] ^= (uint8_t)(1u << bit);
		}
	for (size_t length = 0; length < sizeof(bytes); length++)
		assert_true(pack_sum(bytes, length) != sum);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_texts_come_back_in_their_order),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_and_is_not_null),
		cmocka_unit_test(an_image_comes_back_whatever_zeros_it_has),
		cmocka_unit_test(an_image_of_another_size_is_rejected_and_zero),
		cmocka_unit_test(damage_and_cuts_are_rejected_or_give_an_image_of_that_size),
		cmocka_unit_test(a_step_of_nothing_is_rejected),
		cmocka_unit_test(without_room_it_says_how_much_is_needed_and_writes_nothing_beyond),
		cmocka_unit_test(the_sum_tells_every_changed_bit_and_every_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
