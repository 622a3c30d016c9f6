/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every frame and every IKE message of pcaps/, cut by the capture, sent short,
 * and with every byte changed.  What is read is an exact-size heap copy, so
 * that the sanitizer sees one byte too many.
 */
#include "golden.h"

/* ---- IKE messages ------------------------------------------------------------ */

static void the_golden_set_has_messages_of_both_versions(void **state)
{
	size_t of_version[3] = { 0 };

	(void)state;
	for (size_t i = 0; i < n_messages; i++) {
		assert_int_equal(
			parse_cut(messages[i].bytes, messages[i].length, messages[i].length),
			VERDICT_OK);
		of_version[messages[i].bytes[17] >> 4]++;
	}
	assert_true(n_captures >= 14);
	print_message("%zu IKEv1, %zu IKEv2\n", of_version[1], of_version[2]);
	assert_true(of_version[1] >= 20);
	assert_true(of_version[2] >= 500);
	assert_true(n_frames >= 5000);
}

static void a_message_of_which_less_was_captured_is_never_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_messages; i++)
		for (size_t captured = 0; captured < messages[i].length; captured++)
			assert_int_not_equal(
				parse_cut(messages[i].bytes, captured, messages[i].length),
				VERDICT_MALFORMED);
}

static void a_message_that_was_sent_short_is_never_ok(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_messages; i++)
		for (size_t sent = 0; sent < messages[i].length; sent++)
			assert_int_equal(parse_cut(messages[i].bytes, sent, sent),
					 VERDICT_MALFORMED);
}

/* The sanitizer judges; what was captured whole is never cut, whatever it says. */
static void no_changed_byte_of_a_message_is_read_past_its_end(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x02, 0x04, 0x80, 0xff };

	(void)state;
	for (size_t i = 0; i < n_messages; i++)
		for (size_t at = 0; at < messages[i].length; at++)
			for (size_t v = 0; v < sizeof(flips); v++) {
				messages[i].bytes[at] ^= flips[v];
				assert_int_not_equal(parse_cut(messages[i].bytes,
							       messages[i].length,
							       messages[i].length),
						     VERDICT_CUT);
				messages[i].bytes[at] ^= flips[v];
			}
}

/* ---- frames ------------------------------------------------------------------ */

/* Down to what the upper layer says: OK is a packet whose ESP or UDP header was read. */
static enum verdict judge_packet(const struct packet *p)
{
	struct reader r = p->payload;
	struct esp_header h;
	struct udp_header u;

	if (p->fragment)
		return VERDICT_OK;
	switch (p->protocol) {
	case IP_ESP:
		return esp_parse(&r, &h);
	case IP_AH:
		return ah_parse(&r, &h);
	case IP_UDP:
		if (udp_parse(&r, &u) == VERDICT_OK)
			udp_classify(&u, &r);
		return r.verdict;
	default:
		return VERDICT_OK;
	}
}

static enum verdict judge(const struct kept *k, size_t captured, size_t length)
{
	uint8_t *copy = malloc(captured + (captured == 0));
	struct packet p;

	assert_non_null(copy);
	memcpy(copy, k->bytes, captured);

	const struct frame f = {
		.captured = (uint32_t)captured, .length = (uint32_t)length,
		.link_type = k->link_type, .data = copy,
	};
	enum link_result result = link_decap(&f, &p);
	enum verdict v = result == LINK_CUT         ? VERDICT_CUT
			 : result == LINK_MALFORMED ? VERDICT_MALFORMED
						    : VERDICT_OK;

	if (result == LINK_PACKET)
		v = judge_packet(&p);
	free(copy);
	return v;
}

static void a_frame_of_which_less_was_captured_is_never_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_frames; i++) {
		assert_int_equal(judge(&frames[i], frames[i].length, frames[i].length), VERDICT_OK);
		for (size_t captured = 0; captured < frames[i].length; captured++)
			assert_int_not_equal(judge(&frames[i], captured, frames[i].length),
					     VERDICT_MALFORMED);
	}
}

static bool is_ip(const struct kept *k)
{
	struct packet p;
	const struct frame f = {
		.captured = (uint32_t)k->length, .length = (uint32_t)k->length,
		.link_type = k->link_type, .data = k->bytes,
	};

	/* not what carries padding behind the packet */
	return link_decap(&f, &p) == LINK_PACKET && p.ip + p.ip_length == k->bytes + k->length;
}

static void a_frame_that_was_sent_short_is_never_ok(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_frames; i++) {
		if (!is_ip(&frames[i]))
			continue;
		for (size_t sent = 0; sent < frames[i].length; sent++)
			assert_int_not_equal(judge(&frames[i], sent, sent), VERDICT_OK);
	}
}

static void no_changed_byte_of_a_frame_is_read_past_its_end(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x04, 0x40, 0xff };
	size_t judged = 0, cut = 0;

	(void)state;
	for (size_t i = 0; i < n_frames; i++)
		for (size_t at = 0; at < frames[i].length && at < 120; at++)
			for (size_t v = 0; v < sizeof(flips); v++, judged++) {
				frames[i].bytes[at] ^= flips[v];
				cut += judge(&frames[i], frames[i].length, frames[i].length) ==
				       VERDICT_CUT;
				frames[i].bytes[at] ^= flips[v];
			}
	assert_true(judged > 100000);
	assert_int_equal(cut, 0);	/* all of it was captured */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_golden_set_has_messages_of_both_versions),
		cmocka_unit_test(a_message_of_which_less_was_captured_is_never_malformed),
		cmocka_unit_test(a_message_that_was_sent_short_is_never_ok),
		cmocka_unit_test(no_changed_byte_of_a_message_is_read_past_its_end),
		cmocka_unit_test(a_frame_of_which_less_was_captured_is_never_malformed),
		cmocka_unit_test(a_frame_that_was_sent_short_is_never_ok),
		cmocka_unit_test(no_changed_byte_of_a_frame_is_read_past_its_end),
	};

	return cmocka_run_group_tests(tests, collect, forget);
}
