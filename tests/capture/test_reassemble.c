/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fragments.  Every test runs for IPv4 and for IPv6. */
#include <stdio.h>
#include <sys/time.h>
#include <time.h>

#include "reassembly.h"

enum { GATEWAY = 0xc0000201, PEER = 0xc6336401, STRANGER = 0xcb007100 };

static const struct reassemble_limits limits = { .timeout = 30 * NSEC_PER_S };

static struct datagram_sent ike(bool v6, uint32_t id)
{
	return (struct datagram_sent){
		.v6 = v6, .src = PEER, .dst = GATEWAY, .id = id, .length = 3600, .seed = id * 7919};
}

static bool v6_of(void **state)
{
	return *state != NULL;
}

static void three_fragments_are_whole_in_any_order(void **state)
{
	static const uint32_t cut[4] = { 0, 1480, 2960, 3600 };
	static const int order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					{1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct seen *s = seen_open(&limits, NULL);

	for (uint32_t i = 0; i < 6; i++) {
		struct datagram_sent d = ike(v6_of(state), 100 + i);

		for (int j = 0; j < 3; j++) {
			assert_int_equal(s->packets, i);
			fragment_feed(s, T0 + i, 10 * i + (uint32_t)j, &d, cut[order[i][j]],
				      cut[order[i][j] + 1]);
		}
		assert_int_equal(s->packets, i + 1);
		assert_int_equal(s->seed[i], d.seed);
		assert_int_equal(s->length[i], 3600);
		assert_int_equal(s->frame, 10 * i + 2);
	}
	assert_int_equal(s->packet.protocol, IP_ESP);
	assert_false(s->packet.fragment);
	assert_int_equal(s->packet.ip_length, v6_of(state) ? 3640 : 3620);
	assert_int_equal(s->packet.src.low & 0xffffffff, PEER);
	assert_int_equal(s->packet.dst.low & 0xffffffff, GATEWAY);
	assert_int_equal(counters_of(s).fragments, 18);
	assert_int_equal(counters_of(s).whole, 6);
	seen_close(s);
}

static void interleaved_datagrams_are_not_mixed(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent a = ike(v6_of(state), 1), b = ike(v6_of(state), 2), c = a;

	c.src++;	/* same number, another sender */
	c.seed++;
	fragment_feed(s, T0, 1, &a, 0, 1480);
	fragment_feed(s, T0, 2, &b, 0, 1480);
	fragment_feed(s, T0, 3, &c, 0, 1480);
	fragment_feed(s, T0, 4, &c, 1480, 3600);
	fragment_feed(s, T0, 5, &b, 1480, 3600);
	fragment_feed(s, T0, 6, &a, 1480, 3600);
	assert_int_equal(s->packets, 3);
	assert_int_equal(s->seed[0], c.seed);
	assert_int_equal(s->seed[1], b.seed);
	assert_int_equal(s->seed[2], a.seed);
	seen_close(s);
}

static void copies_by_the_mirror_change_nothing(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	for (int i = 0; i < 2; i++)
		fragment_feed(s, T0, 1, &d, 0, 1480);
	for (int i = 0; i < 2; i++)
		fragment_feed(s, T0 + 1000, 2, &d, 1480, 2960);
	for (int i = 0; i < 2; i++)
		fragment_feed(s, T0 + 2000, 3, &d, 2960, 3600);
	reassemble_tick(s->r, T0 + 100 * NSEC_PER_S);
	assert_int_equal(s->packets, 1);
	assert_int_equal(s->missing, 0);
	assert_int_equal(counters_of(s).repeated, 3);
	assert_int_equal(counters_of(s).refused, 0);
	seen_close(s);
}

static void a_number_used_again_within_a_second_is_a_new_datagram(void **state)
{
	struct seen *s = seen_open(&limits, NULL);

	for (uint32_t i = 0; i < 3; i++) {
		struct datagram_sent d = ike(v6_of(state), 1);

		d.seed += i;
		fragment_feed(s, T0 + i, 1, &d, 0, 1480);
		fragment_feed(s, T0 + i, 2, &d, 1480, 3600);
	}
	assert_int_equal(s->packets, 3);
	seen_close(s);
}

static void overlapping_fragments_are_refused_for_good(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1), forged = d;

	forged.seed++;
	fragment_feed(s, T0, 1, &d, 0, 1480);
	fragment_feed(s, T0, 2, &forged, 1472, 2960);
	fragment_feed(s, T0, 3, &d, 1480, 3600);
	fragment_feed(s, T0, 4, &d, 0, 1480);
	assert_int_equal(s->packets, 0);
	assert_int_equal(counters_of(s).refused, 3);

	d.id = forged.id = 2;		/* the same place, other content */
	fragment_feed(s, T0, 5, &d, 0, 1480);
	fragment_feed(s, T0, 6, &forged, 0, 1480);
	fragment_feed(s, T0, 7, &d, 1480, 3600);
	assert_int_equal(s->packets, 0);

	reassemble_tick(s->r, T0 + 100 * NSEC_PER_S);
	assert_int_equal(s->missing, 0);	/* what was refused did not go missing */
	seen_close(s);
}

static void two_ends_of_one_datagram_are_refused(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1), shorter = d;

	shorter.length = 3000;
	fragment_feed(s, T0, 1, &d, 2960, 3600);
	fragment_feed(s, T0, 2, &shorter, 1480, 3000);
	fragment_feed(s, T0, 3, &d, 0, 2960);
	assert_int_equal(s->packets, 0);
	seen_close(s);
}

static void a_missing_fragment_is_told_once(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	fragment_feed(s, T0, 41, &d, 1480, 2960);
	fragment_feed(s, T0 + NSEC_PER_S, 42, &d, 0, 1480);
	reassemble_tick(s->r, T0 + 30 * NSEC_PER_S - 1);
	assert_int_equal(s->missing, 0);
	reassemble_tick(s->r, T0 + 30 * NSEC_PER_S);
	assert_int_equal(s->missing, 1);
	assert_int_equal(s->missing_frame, 41);
	assert_int_equal(s->missing_bytes, 2960);
	assert_int_equal(s->missing_src.low & 0xffffffff, PEER);
	assert_int_equal(s->packet.fragment_offset, 0);	/* where the ports are */
	assert_true(s->packet.fragment);
	reassemble_tick(s->r, T0 + 60 * NSEC_PER_S);
	fragment_feed(s, T0 + 60 * NSEC_PER_S, 43, &d, 2960, 3600);
	assert_int_equal(s->packets, 0);
	reassemble_tick(s->r, T0 + 90 * NSEC_PER_S);
	assert_int_equal(s->missing, 2);		/* the late one, on its own */
	assert_int_equal(counters_of(s).missing, 2);
	seen_close(s);
}

static void halves_ten_minutes_apart_are_two_datagrams(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	fragment_feed(s, T0, 1, &d, 0, 1480);
	fragment_feed(s, T0 + 600 * NSEC_PER_S, 2, &d, 1480, 3600);	/* no tick in between */
	assert_int_equal(s->packets, 0);
	assert_int_equal(s->missing, 1);
	seen_close(s);
}

/* Whether time in the engine stands still cannot be seen from packets: fragments are kept as long
 * as asked. */
static void a_timeout_longer_than_the_engines_own_holds(void **state)
{
	const struct reassemble_limits patient = { .timeout = 3600 * NSEC_PER_S };
	struct seen *s = seen_open(&patient, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	fragment_feed(s, T0, 1, &d, 0, 1480);
	fragment_feed(s, T0 + 3000 * NSEC_PER_S, 2, &d, 1480, 3600);
	assert_int_equal(s->packets, 1);
	seen_close(s);
}

static void the_program_keeps_the_real_time_of_day(void **state)
{
	struct timeval tv = { 0 };
	struct timespec ts;

	(void)state;
	assert_int_equal(gettimeofday(&tv, NULL), 0);
	clock_gettime(CLOCK_REALTIME, &ts);
	assert_in_range(ts.tv_sec - tv.tv_sec, 0, 5);
}

static void a_clock_set_back_makes_nothing_missing(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	fragment_feed(s, T0, 1, &d, 0, 1480);
	d.id = 2;
	fragment_feed(s, T0 - 7200 * NSEC_PER_S, 2, &d, 0, 1480);
	fragment_feed(s, T0 - 7200 * NSEC_PER_S, 3, &d, 1480, 3600);
	assert_int_equal(s->packets, 1);
	reassemble_tick(s->r, T0 - 3600 * NSEC_PER_S);
	assert_int_equal(s->missing, 0);
	seen_close(s);
}

/* 24.8 days of milliseconds overflow libnids' clock; it must not matter. */
static void sixty_days_of_broken_datagrams_leave_nothing_behind(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	nsec at = T0;
	size_t before = 0;

	for (uint32_t hour = 0; hour < 60 * 24; hour++, at += 3600 * NSEC_PER_S) {
		for (uint32_t i = 0; i < 20; i++) {
			struct datagram_sent d = ike(v6_of(state), hour * 20 + i);

			d.src += i;
			fragment_feed(s, at + i * NSEC_PER_S, i, &d, 0, 1480);
			if (i == 19)
				fragment_feed(s, at + i * NSEC_PER_S, i, &d, 1480, 3600);
		}
		reassemble_tick(s->r, at + 100 * NSEC_PER_S);
		if (hour == 48)
			before = memory_used();
	}
	assert_in_range(memory_used(), 0, before + 65536);
	assert_int_equal(s->packets, 60 * 24);
	assert_int_equal(s->missing, 60 * 24 * 19);
	seen_close(s);
}

/* First fragments that never complete, from many senders, to one destination or to many. */
static void flood(struct seen *s, bool v6, bool to_many, uint32_t n, nsec at)
{
	static uint32_t serial;

	for (uint32_t i = serial; i < serial + n; i++) {
		struct datagram_sent d = {.v6 = v6,
					  .src = STRANGER + mix(i) % 100000,
					  .id = mix(i + 77),
					  .dst = to_many ? mix(i) : GATEWAY,
					  .length = 3000,
					  .seed = i};

		fragment_feed(s, at, 1, &d, 0, 1480);
	}
	serial += n;
}

static void honest_datagrams_survive_floods(void **state)
{
	size_t before = 0;

	for (int to_many = 0; to_many < 2; to_many++) {
		struct seen *s = seen_open(&limits, NULL);
		nsec at = T0;

		for (uint32_t i = 0; i < 100; i++) {
			struct datagram_sent d = ike(v6_of(state), i);

			flood(s, v6_of(state), to_many, 200, at);
			fragment_feed(s, at, 1, &d, 0, 1480);
			flood(s, v6_of(state), to_many, 20, at);	/* between its two */
			fragment_feed(s, at += NSEC_PER_MS, 1, &d, 1480, 3600);
			if (i == 50)
				before = memory_used();
		}
		assert_int_equal(s->packets, 100);
		assert_in_range(memory_used(), 0, before + 65536);
		assert_in_range(counters_of(s).refused, 1000, 30000);
		seen_close(s);
	}
}

static bool peer_is_known(struct addr a, struct addr b)
{
	(void)b;
	return (a.low & 0xffffffff) == PEER;
}

static void a_flood_of_strangers_cannot_wait_out_a_known_pair(void **state)
{
	for (int to_many = 0; to_many < 2; to_many++) {
		struct seen *s = seen_open(&limits, peer_is_known);
		struct datagram_sent d = ike(v6_of(state), 1);

		fragment_feed(s, T0, 1, &d, 0, 1480);
		flood(s, v6_of(state), to_many, 20000, T0 + NSEC_PER_S);
		fragment_feed(s, T0 + 2 * NSEC_PER_S, 2, &d, 1480, 3600);
		assert_int_equal(s->packets, 1);
		seen_close(s);
	}
}

static void a_flood_to_one_gateway_leaves_the_others_alone(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	d.dst++;
	fragment_feed(s, T0, 1, &d, 0, 1480);
	flood(s, v6_of(state), false, 20000, T0 + NSEC_PER_S);
	fragment_feed(s, T0 + 2 * NSEC_PER_S, 2, &d, 1480, 3600);
	assert_int_equal(s->packets, 1);
	seen_close(s);
}

static void what_cannot_be_part_of_a_packet_is_refused(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	fragment_feed(s, T0, 1, &d, 0, 1481);		/* more to come, but not of eight bytes */
	d.length = 65535 + 100;
	d.id++;
	fragment_feed(s, T0, 2, &d, 65528, 65535 + 100);	/* beyond what a length can say */
	assert_int_equal(counters_of(s).refused, 2);
	seen_close(s);
}

static void thousands_of_tiny_fragments_are_no_datagram(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	for (uint32_t from = 0; from < 3600; from += 8)
		fragment_feed(s, T0, 1, &d, from, from + 8);
	assert_int_equal(s->packets, 0);
	assert_in_range(counters_of(s).refused, 1, 450);
	seen_close(s);
}

static void the_largest_datagram_there_is(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);

	d.length = v6_of(state) ? 65535 : 65515;
	for (uint32_t from = 0; from < d.length; from += 1480)
		fragment_feed(s, T0, 1, &d, from, from + 1480 < d.length ? from + 1480 : d.length);
	assert_int_equal(s->packets, 1);
	assert_int_equal(s->length[0], d.length);
	seen_close(s);
}

static void a_snap_length_cuts_the_whole_where_it_cut_the_fragment(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent d = ike(v6_of(state), 1);
	uint32_t header = v6_of(state) ? 40 : 20, length;
	uint8_t *first = fragment_make(&d, 0, 1480, &length);

	packet_feed(s, T0, 1, first, 200, length);
	fragment_feed(s, T0, 2, &d, 1480, 3600);
	assert_int_equal(s->packets, 1);
	assert_int_equal(s->packet.ip_length, header + 3600);
	assert_int_equal(s->captured, header + 200 - (length - 1480));
	assert_int_equal(s->seed[0], d.seed);
	free(first);
	seen_close(s);
}

static void a_fragmented_envelope_gives_the_packet_in_it(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct datagram_sent inner = ike(v6_of(state), 7), outer = ike(v6_of(state), 8);
	uint32_t length, from;
	uint8_t *carried = fragment_make(&inner, 0, inner.length, &length), *ip;

	if (v6_of(state)) {		/* the same without its fragment header */
		memmove(carried + 40, carried + 48, length -= 48);
		length += 40;
		put16(carried + 4, length - 40);
		carried[6] = IP_ESP;
	}
	outer.src++;
	outer.protocol = v6_of(state) ? IP_IPV6 : IP_IPIP;
	outer.length = length;
	for (from = 0; from < length; from += 1480) {
		uint32_t to = from + 1480 < length ? from + 1480 : length, total;

		ip = fragment_make(&outer, from, to, &total);
		memcpy(ip + total - (to - from), carried + from, to - from);
		packet_feed(s, T0, 1 + from, ip, total, total);
		free(ip);
	}
	assert_int_equal(s->packets, 1);
	assert_int_equal(s->packet.src.low & 0xffffffff, PEER);
	assert_int_equal(s->packet.protocol, IP_ESP);
	assert_int_equal(s->packet.depth, 1);
	assert_int_equal(s->seed[0], inner.seed);
	free(carried);
	seen_close(s);
}

/* A whole packet holds a fragment, which completes one that holds a fragment, … */
static void nested_fragments_end_at_a_depth(void **state)
{
	enum { LEVELS = 8, HALF = 8 };
	struct seen *s = seen_open(&limits, NULL);
	uint8_t *inner = NULL;
	uint32_t inner_length = 0;

	(void)state;
	for (uint32_t level = 0; level < LEVELS; level++) {
		uint32_t length = level == 0 ? 800 : inner_length;
		struct datagram_sent d = {.src = PEER,
					  .dst = GATEWAY,
					  .id = level,
					  .length = length,
					  .seed = level,
					  .protocol = level == 0 ? IP_ESP : IP_IPIP};
		uint32_t total;
		uint8_t *all = fragment_make(&d, 0, length, &total);

		if (inner)
			memcpy(all + 20, inner, inner_length);
		free(inner);
		/* the first half now, the second inside the next level */
		inner = malloc(20 + length - HALF);
		memcpy(inner, all, 20);
		memcpy(inner + 20, all + 20 + HALF, length - HALF);
		put16(inner + 2, 20 + length - HALF);
		put16(inner + 6, HALF / 8);
		inner_length = 20 + length - HALF;
		put16(all + 2, 20 + HALF);
		put16(all + 6, 0x2000);
		packet_feed(s, T0, level, all, 20 + HALF, 20 + HALF);
		free(all);
	}
	packet_feed(s, T0, 99, inner, inner_length, inner_length);
	assert_int_equal(s->packets, 0);
	assert_int_equal(counters_of(s).whole, 4);
	assert_int_equal(counters_of(s).refused, 1);
	free(inner);
	seen_close(s);
}

static void one_reassembler_after_the_other_starts_empty(void **state)
{
	struct datagram_sent d = ike(v6_of(state), 1);

	for (int i = 0; i < 3; i++) {
		struct seen *s = seen_open(&limits, NULL);

		fragment_feed(s, T0, 2, &d, 1480, 3600); /* its other half is of the one before */
		assert_int_equal(s->packets, 0);
		d.id++;
		fragment_feed(s, T0, 1, &d, 0, 1480);
		fragment_feed(s, T0, 2, &d, 1480, 3600);
		assert_int_equal(s->packets, 1);
		d.id++;
		fragment_feed(s, T0, 1, &d, 0, 1480);
		seen_close(s);
	}
}

#define BOTH(f) { #f " (IPv4)", f, NULL, NULL, NULL }, { #f " (IPv6)", f, NULL, NULL, &six }

int main(void)
{
	static int six = 6;
	const struct CMUnitTest tests[] = {
		BOTH(three_fragments_are_whole_in_any_order),
		BOTH(interleaved_datagrams_are_not_mixed),
		BOTH(copies_by_the_mirror_change_nothing),
		BOTH(a_number_used_again_within_a_second_is_a_new_datagram),
		BOTH(overlapping_fragments_are_refused_for_good),
		BOTH(two_ends_of_one_datagram_are_refused),
		BOTH(a_missing_fragment_is_told_once),
		BOTH(halves_ten_minutes_apart_are_two_datagrams),
		BOTH(a_timeout_longer_than_the_engines_own_holds),
		cmocka_unit_test(the_program_keeps_the_real_time_of_day),
		BOTH(a_clock_set_back_makes_nothing_missing),
		BOTH(sixty_days_of_broken_datagrams_leave_nothing_behind),
		BOTH(honest_datagrams_survive_floods),
		BOTH(a_flood_of_strangers_cannot_wait_out_a_known_pair),
		BOTH(a_flood_to_one_gateway_leaves_the_others_alone),
		BOTH(what_cannot_be_part_of_a_packet_is_refused),
		BOTH(thousands_of_tiny_fragments_are_no_datagram),
		BOTH(the_largest_datagram_there_is),
		BOTH(a_snap_length_cuts_the_whole_where_it_cut_the_fragment),
		BOTH(a_fragmented_envelope_gives_the_packet_in_it),
		cmocka_unit_test(nested_fragments_end_at_a_depth),
		BOTH(one_reassembler_after_the_other_starts_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
