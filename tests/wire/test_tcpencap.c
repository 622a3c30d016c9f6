/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/tcpencap.h>

#include "wire/frames.h"

/* A stream under construction. */
struct stream {
	uint8_t data[1024];
	size_t length;
};

static void add(struct stream *t, const void *bytes, size_t length)
{
	memcpy(t->data + t->length, bytes, length);
	t->length += length;
}

static void add_message(struct stream *t, struct built b)
{
	uint8_t *h = built_wrap(&b, 2);

	put16(h, (unsigned)b.length);
	add(t, built_data(&b), b.length);
}

static struct built ike(void)
{
	struct built b = built_from("payloads", 8);

	wrap_ike(&b, 0x20, 35);
	built_wrap(&b, 4);
	return b;
}

static struct built esp(uint32_t seq)
{
	struct built b = built_esp();

	put32(built_data(&b) + 4, seq);
	return b;
}

static struct built keepalive(void)
{
	return built_from("\xff", 1);
}

/* The first `length` bytes from `at`, in a heap block of exactly that size. */
static uint8_t *exact(const struct stream *t, size_t at, size_t length)
{
	uint8_t *copy = malloc(length + (length == 0));

	assert_non_null(copy);
	memcpy(copy, t->data + at, length);
	return copy;
}

static struct stream conversation(void)
{
	struct stream t = { .length = 0 };

	add(&t, "IKETCP", 6);
	add_message(&t, ike());
	add_message(&t, esp(1));
	add_message(&t, keepalive());
	add_message(&t, esp(2));
	return t;
}

static void a_stream_is_its_prefix_and_then_its_messages(void **s)
{
	static const struct {
		enum tcpencap_content content;
		size_t message, used;
	} expected[] = {
		{ TCPENCAP_PREFIX, 0, 6 }, { TCPENCAP_IKE, 36, 42 }, { TCPENCAP_ESP, 32, 34 },
		{ TCPENCAP_KEEPALIVE, 1, 3 }, { TCPENCAP_ESP, 32, 34 },
	};
	struct stream t = conversation();
	size_t at = 0;

	(void)s;
	for (int i = 0; i < 5; i++) {
		struct bytes message;
		size_t used;

		assert_int_equal(tcpencap_next((struct bytes){ t.data + at, t.length - at },
					       at == 0, &message, &used),
				 expected[i].content);
		assert_int_equal(message.length, expected[i].message);
		assert_int_equal(used, expected[i].used);
		at += used;
	}
	assert_int_equal(at, t.length);
}

static void an_ike_message_begins_behind_its_marker(void **s)
{
	struct stream t = { .length = 0 };
	struct bytes message;
	size_t used;

	(void)s;
	add_message(&t, ike());
	assert_int_equal(tcpencap_next((struct bytes){ t.data, t.length }, false, &message, &used),
			 TCPENCAP_IKE);
	assert_ptr_equal(message.data, t.data + 6);
	assert_int_equal(message.data[0], 0x11);
}

static void every_incomplete_message_wants_more_and_uses_nothing(void **s)
{
	struct stream t = conversation();
	static const size_t starts[] = { 0, 6, 48, 82, 85, 119 };

	(void)s;
	for (int i = 0; i < 5; i++) {
		for (size_t length = 0; length < starts[i + 1] - starts[i]; length++) {
			uint8_t *copy = exact(&t, starts[i], length);
			struct bytes message;
			size_t used;

			assert_int_equal(tcpencap_next((struct bytes){ copy, length }, i == 0,
						       &message, &used),
					 TCPENCAP_MORE);
			assert_int_equal(used, 0);
			assert_int_equal(message.length, 0);
			free(copy);
		}
	}
}

/* The side that accepted the stream sends no prefix. */
static void a_stream_may_start_without_the_prefix(void **s)
{
	struct stream t = { .length = 0 };
	struct bytes message;
	size_t used;

	(void)s;
	add_message(&t, ike());
	assert_int_equal(tcpencap_next((struct bytes){ t.data, t.length }, true, &message, &used),
			 TCPENCAP_IKE);
}

static void the_prefix_is_looked_for_at_the_start_only(void **s)
{
	struct stream t = { .length = 0 };
	struct bytes message;
	size_t used;

	(void)s;
	add(&t, "IKETCP", 6);	/* 0x494b: a length of 18763 */
	assert_int_equal(tcpencap_next((struct bytes){ t.data, t.length }, false, &message, &used),
			 TCPENCAP_MORE);
}

static void lengths_and_messages_that_cannot_be_are_lost_framing(void **s)
{
	static const struct { const char *bytes; size_t length; } rows[] = {
		{ "\0\0", 2 },				/* a length includes itself */
		{ "\0\1", 2 },
		{ "\0\2", 2 },				/* an empty message */
		{ "\0\3\xfe", 3 },			/* one byte that is no keepalive */
		{ "\0\x09\1\2\3\4\5\6\7", 9 },		/* ESP without a whole header */
		{ "\0\x0c\0\0\0\0\1\2\3\4\5\6", 12 },	/* marker, but no room for IKE */
	};

	(void)s;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bytes message;
		size_t used;
		struct bytes stream = { (const uint8_t *)rows[i].bytes, rows[i].length };

		assert_int_equal(tcpencap_next(stream, false, &message, &used), TCPENCAP_LOST);
		assert_int_equal(used, 0);
	}
}

static size_t resync_from(const struct stream *t, size_t at)
{
	uint8_t *copy = exact(t, at, t->length - at);
	size_t found = tcpencap_resync((struct bytes){ copy, t->length - at });

	free(copy);
	return at + found;
}

static void framing_begins_again_at_the_next_ike_message(void **s)
{
	struct stream t = { .length = 0 };

	(void)s;
	add_message(&t, esp(9));
	add_message(&t, ike());
	for (size_t at = 1; at <= 34; at++)
		assert_int_equal(resync_from(&t, at), 34);
}

static void two_esp_frames_in_sequence_are_framing(void **s)
{
	struct stream t = { .length = 0 };

	(void)s;
	add_message(&t, esp(8));
	add_message(&t, esp(9));
	add_message(&t, esp(10));
	assert_int_equal(resync_from(&t, 0), 0);
	for (size_t at = 1; at <= 34; at++)
		assert_int_equal(resync_from(&t, at), 34);
	t.length -= 24;		/* of the last frame, the header is enough */
	assert_int_equal(resync_from(&t, 1), 34);
	t.length -= 1;
	assert_int_equal(resync_from(&t, 1), t.length);
}

static void esp_frames_of_another_sa_or_out_of_sequence_are_no_framing(void **s)
{
	struct stream t = { .length = 0 };
	struct built other = esp(9);

	(void)s;
	add_message(&t, esp(8));
	add_message(&t, esp(10));
	assert_int_equal(resync_from(&t, 0), t.length);

	built_data(&other)[0] ^= 1;
	t.length = 0;
	add_message(&t, esp(8));
	add_message(&t, other);
	assert_int_equal(resync_from(&t, 0), t.length);
}

static void an_ike_message_whose_end_is_not_there_yet_is_enough(void **s)
{
	struct stream t = { .length = 0 };

	(void)s;
	add(&t, "leftover", 8);
	add_message(&t, ike());
	t.length -= 8;
	assert_int_equal(resync_from(&t, 0), 8);
	t.length -= 1;		/* but not without its header */
	assert_int_equal(resync_from(&t, 0), t.length);
}

static void noise_has_no_framing(void **s)
{
	struct stream t = { .length = sizeof(t.data) };
	uint32_t state = 1;

	(void)s;
	assert_int_equal(resync_from(&(struct stream){ .length = 0 }, 0), 0);
	for (size_t i = 0; i < t.length; i++) {
		state = state * 1664525 + 1013904223;
		t.data[i] = (uint8_t)(state >> 24);
	}
	assert_int_equal(resync_from(&t, 0), t.length);
	memset(t.data, 0, t.length);
	assert_int_equal(resync_from(&t, 0), t.length);
	memset(t.data, 0xff, t.length);
	assert_int_equal(resync_from(&t, 0), t.length);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_its_prefix_and_then_its_messages),
		cmocka_unit_test(an_ike_message_begins_behind_its_marker),
		cmocka_unit_test(every_incomplete_message_wants_more_and_uses_nothing),
		cmocka_unit_test(a_stream_may_start_without_the_prefix),
		cmocka_unit_test(the_prefix_is_looked_for_at_the_start_only),
		cmocka_unit_test(lengths_and_messages_that_cannot_be_are_lost_framing),
		cmocka_unit_test(framing_begins_again_at_the_next_ike_message),
		cmocka_unit_test(two_esp_frames_in_sequence_are_framing),
		cmocka_unit_test(esp_frames_of_another_sa_or_out_of_sequence_are_no_framing),
		cmocka_unit_test(an_ike_message_whose_end_is_not_there_yet_is_enough),
		cmocka_unit_test(noise_has_no_framing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
