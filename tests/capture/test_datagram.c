/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/datagram.h"

/* The shape of a fragment of which these bytes were captured, in a copy of just their size. */
static bool shaped(const uint8_t *ip, uint32_t captured, uint32_t length, bool more,
		   struct fragment_shape *ret)
{
	uint8_t *exact = malloc(captured + (captured == 0));
	struct packet p = { .ip = exact,
			    .ip_captured = captured,
			    .ip_length = length,
			    .fragment = true,
			    .more = more };
	struct datagram_key key;
	bool ok;

	assert_non_null(exact);
	memcpy(exact, ip, captured);
	ok = fragment_shape(&p, ret, &key);
	free(exact);
	return ok;
}

static void an_ipv4_fragment_needs_a_header_and_bytes_behind_it(void **state)
{
	uint8_t ip[60] = { 0x45 };
	struct fragment_shape s;

	(void)state;
	assert_true(shaped(ip, 28, 28, true, &s));
	assert_int_equal(s.payload, 20);
	assert_int_equal(s.length, 8);
	assert_false(shaped(ip, 0, 28, true, &s));	/* nothing was captured */
	assert_false(shaped(ip, 19, 28, true, &s));	/* half a header */
	assert_false(shaped(ip, 20, 20, false, &s));	/* nothing behind it */
	assert_false(shaped(ip, 27, 27, true, &s));	/* more to come, and not a multiple of 8 */
	assert_true(shaped(ip, 27, 27, false, &s));
	ip[0] = 0x44;
	assert_false(shaped(ip, 28, 28, true, &s));
}

static void an_ipv6_fragment_needs_a_fragment_header_within_what_was_captured(void **state)
{
	uint8_t ip[56] = { 0x60, [6] = 44, [40] = 50 };
	struct fragment_shape s;

	(void)state;
	assert_true(shaped(ip, 56, 56, true, &s));
	assert_int_equal(s.header, 40);
	assert_int_equal(s.payload, 48);
	assert_int_equal(s.next_header, 50);
	assert_int_equal(s.next_header_at, 6);
	for (uint32_t captured = 0; captured < 48; captured++)
		assert_false(shaped(ip, captured, 56, true, &s));
	assert_false(shaped(ip, 48, 48, false, &s));
	ip[6] = 60;		/* options of which none follows to a fragment header */
	assert_false(shaped(ip, 56, 56, true, &s));
}

/* What it could not tell from its headers it knows from when they were read. */
static void a_head_of_which_too_little_is_kept_still_tells_whose_it_is(void **state)
{
	uint8_t ip[20] = { 0x60, [6] = 44 };
	struct packet p = {
		.src = addr_v4(0x0a000001), .dst = addr_v4(0x0a000002), .protocol = 50,
		.hop_limit = 63, .fragment = true,
		.ip = ip, .ip_captured = sizeof(ip), .ip_length = 1280, .ip_id = 7, .network = 3,
	}, sample;
	struct datagram *d = calloc(1, sizeof(*d));

	(void)state;
	assert_non_null(d);
	d->key = (struct datagram_key){ .src = p.src, .dst = p.dst, .id = 7, .network = 3 };
	datagram_head(d, &p, &(struct fragment_shape){ .header = 40, .payload = 48 });
	datagram_sample(d, &sample);
	assert_true(addr_equal(sample.src, p.src) && addr_equal(sample.dst, p.dst));
	assert_true(sample.fragment);
	assert_int_equal(sample.protocol, 50);
	assert_int_equal(sample.hop_limit, 63);
	assert_int_equal(sample.ip_length, 1280);
	assert_int_equal(sample.network, 3);
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_fragment_needs_a_header_and_bytes_behind_it),
		cmocka_unit_test(a_head_of_which_too_little_is_kept_still_tells_whose_it_is),
		cmocka_unit_test(an_ipv6_fragment_needs_a_fragment_header_within_what_was_captured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
