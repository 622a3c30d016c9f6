/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKE and ESP in TCP.  Every test runs for IPv4 and for IPv6. */
#include "stream_sent.h"

enum { CLIENT = 0xc6336401, SERVER = 0xc0000201 };

static const struct reassemble_limits limits = { 0 };

static bool v6_of(void **state)
{
	return *state != NULL;
}

static struct stream_sent *client_make(void **state)
{
	return stream_make(v6_of(state), CLIENT, 40001, SERVER, 4500,
			   0xfffffc00); /* it wraps early */
}

static struct stream_sent *server_make(void **state)
{
	return stream_make(v6_of(state), SERVER, 4500, CLIENT, 40001, 77777);
}

static void handshake(struct seen *s, nsec at, const struct stream_sent *client,
		      const struct stream_sent *server)
{
	segment(s, at, client, 0, 0, SYN);
	segment(s, at, server, 0, 0, SYN | ACK);
	segment(s, at, client, 0, 0, ACK);
}

/* IKETCP, two IKE messages, then ESP */
static void client_talk(struct stream_sent *t)
{
	stream_say(t, "IKETCP", 6);
	stream_ike(t, 400, 1);
	stream_ike(t, 3000, 2);
	for (uint32_t i = 0; i < 20; i++)
		stream_esp(t, 200 + 37 * i, 10 + i);
}

static void server_talk(struct stream_sent *t)
{
	stream_ike(t, 500, 101);
	for (uint32_t i = 0; i < 20; i++)
		stream_esp(t, 1000, 110 + i);
}

static void both_ways_in_segments_of_any_size(void **state)
{
	for (uint32_t step = 1; step < 3000; step = step * 3 + 1) {
		struct seen *s = seen_open(&limits, NULL);
		struct stream_sent *c = client_make(state), *v = server_make(state);

		client_talk(c);
		server_talk(v);
		handshake(s, T0, c, v);
		for (uint32_t at = 0; at < c->length; at += step)
			segment(s, T0, c, at, at + step < c->length ? at + step : c->length, ACK);
		messages_check(s, 0, c, 0, c->messages);
		assert_int_equal(s->src_port, 40001);
		assert_int_equal(s->dst_port, 4500);
		assert_int_equal(s->packet.src.low & 0xffffffff, CLIENT);
		for (uint32_t at = 0; at < v->length; at += step)
			segment(s, T0, v, at, at + step < v->length ? at + step : v->length, ACK);
		messages_check(s, c->messages, v, 0, v->messages);
		assert_int_equal(s->src_port, 4500);
		segment(s, T0, c, c->length, c->length, FIN | ACK);
		segment(s, T0, v, v->length, v->length, FIN | ACK);
		segment(s, T0, c, c->length + 1, c->length + 1, ACK);
		assert_int_equal(counters_of(s).holes, 0);
		assert_int_equal(counters_of(s).resyncs, 0);
		assert_int_equal(counters_of(s).refused, 0);
		free(c);
		free(v);
		seen_close(s);
	}
}

static void reordered_repeated_and_overlapping_segments_give_each_message_once(void **state)
{
	for (uint32_t round = 0; round < 30; round++) {
		enum { STEP = 700 };
		struct seen *s = seen_open(&limits, NULL);
		struct stream_sent *c = client_make(state), *v = server_make(state);
		uint32_t n;

		client_talk(c);
		n = (c->length + STEP - 1) / STEP;
		handshake(s, T0, c, v);
		/* each once, at most five places from where it belongs; then again, of another size
		 */
		for (uint32_t block = 0; block < n; block += 5) {
			for (uint32_t k = 0; k < 5; k++) {
				uint32_t i = block + (k * (1 + round % 4) + round) % 5;
				uint32_t from = i * STEP, to = from + STEP + mix(i + round) % 400;

				if (i < n)
					segment(s, T0, c, from, to < c->length ? to : c->length,
						ACK);
				if (i < n && mix(i * 3 + round) % 3 == 0) {
					from -= from < 300 ? from : 300;
					segment(s, T0, c, from,
						from + 500 < c->length ? from + 500 : c->length,
						ACK);
				}
			}
		}
		segment(s, T0, c, 0, c->length, ACK);		/* all of it, once more */
		segment(s, T0, c, c->length, c->length, FIN | ACK);
		segment(s, T0, v, 0, 0, FIN | ACK);
		reassemble_tick(s->r, T0 + 10 * NSEC_PER_S);
		segment(s, T0 + 11 * NSEC_PER_S, c, 0, c->length, ACK);
		messages_check(s, 0, c, 0, c->messages);
		assert_int_equal(counters_of(s).holes, 0);
		free(c);
		free(v);
		seen_close(s);
	}
}

/* The messages of `c` but those that touch a byte of `from`..`to`. */
static unsigned messages_untouched(const struct stream_sent *c, uint32_t from, uint32_t to)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->messages; i++)
		if (c->end[i] <= from || c->end[i] - c->size[i] - (c->is_ike[i] ? 6 : 2) >= to)
			n++;
	return n;
}

static void a_lost_segment_costs_only_what_was_in_it(void **state)
{
	for (uint32_t lost = 0; lost < 12; lost++) {
		enum { STEP = 1000 };
		struct seen *s = seen_open(&limits, NULL);
		struct stream_sent *c = client_make(state), *v = server_make(state);
		unsigned before;

		client_talk(c);
		handshake(s, T0, c, v);
		for (uint32_t at = 0; at < c->length; at += STEP)
			if (at / STEP != lost)
				segment(s, T0 + at, c, at,
					at + STEP < c->length ? at + STEP : c->length, ACK);
		before = s->messages;
		reassemble_tick(s->r, T0 + NSEC_PER_S / 2);
		assert_int_equal(s->messages, before);	/* it may still come */
		reassemble_tick(s->r, T0 + 2 * NSEC_PER_S);
		assert_int_equal(s->messages,
				 messages_untouched(c, lost * STEP, (lost + 1) * STEP));
		assert_int_equal(counters_of(s).holes, (lost + 1) * STEP < c->length);
		free(c);
		free(v);
		seen_close(s);
	}
}

static void a_hole_is_given_up_when_the_stream_goes_on_without_a_tick(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);

	client_talk(c);
	handshake(s, T0, c, v);
	segment(s, T0, c, 0, 1000, ACK);
	segment(s, T0, c, 2000, 3000, ACK);
	segment(s, T0 + 2 * NSEC_PER_S, c, 3000, c->length, ACK);
	assert_int_equal(s->messages, messages_untouched(c, 1000, 2000));
	assert_int_equal(s->seed[s->messages - 1], c->seed[c->messages - 1]);
	free(c);
	free(v);
	seen_close(s);
}

static void a_fast_stream_does_not_wait_a_second_at_a_hole(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);

	client_talk(c);
	for (uint32_t i = 0; i < 400; i++)
		stream_esp(c, 1000, 1000 + i);
	handshake(s, T0, c, v);
	for (uint32_t at = 0; at < c->length; at += 1400)
		if (at != 14000)
			segment(s, T0 + at, c, at, at + 1400 < c->length ? at + 1400 : c->length,
				ACK);
	assert_int_equal(counters_of(s).holes, 1);
	assert_in_range(s->messages, c->messages - 5, c->messages - 1);
	assert_int_equal(s->seed[s->messages - 1], c->seed[c->messages - 1]);
	free(c);
	free(v);
	seen_close(s);
}

static void a_gap_wider_than_the_window_is_survived(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);

	client_talk(c);
	for (uint32_t i = 0; i < 900; i++)
		stream_esp(c, 1000, 1000 + i);
	handshake(s, T0, c, v);
	segment(s, T0, c, 0, 1000, ACK);
	for (uint32_t at = 500000; at < c->length; at += 1400)
		segment(s, T0 + at * INT64_C(10000), c, at,
			at + 1400 < c->length ? at + 1400 : c->length, ACK);
	assert_in_range(s->messages, 100, 400);
	assert_int_equal(s->seed[s->messages - 1], c->seed[c->messages - 1]);
	free(c);
	free(v);
	seen_close(s);
}

static void a_stream_seen_from_its_middle_is_read(void **state)
{
	for (uint32_t from = 0; from < 8000; from += 333) {
		struct seen *s = seen_open(&limits, NULL);
		struct stream_sent *c = client_make(state);

		client_talk(c);
		for (uint32_t at = from; at < c->length; at += 1400)
			segment(s, T0, c, at, at + 1400 < c->length ? at + 1400 : c->length, ACK);
		assert_int_equal(s->messages, messages_untouched(c, 0, from));
		assert_int_equal(s->seed[s->messages - 1], c->seed[c->messages - 1]);
		assert_int_equal(counters_of(s).resyncs, 1);
		free(c);
		seen_close(s);
	}
}

static void one_direction_alone_is_read(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *v = server_make(state);

	for (uint32_t i = 0; i < 500; i++)	/* more than any window */
		stream_esp(v, 1000, 1000 + i);
	segment(s, T0, v, 0, 0, SYN | ACK);
	for (uint32_t at = 0; at < v->length; at += 1400)
		segment(s, T0, v, at, at + 1400 < v->length ? at + 1400 : v->length, ACK);
	messages_check(s, 0, v, 0, v->messages);
	free(v);
	seen_close(s);
}

static void ports_used_again_begin_a_new_stream(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);

	client_talk(c);
	server_talk(v);
	for (int i = 0; i < 3; i++) {
		handshake(s, T0, c, v);
		segment(s, T0, c, 0, 0, SYN);		/* sent again */
		segment(s, T0, c, 0, c->length, ACK);
		segment(s, T0, c, 0, 0, SYN);
		segment(s, T0, c, 0, c->length, ACK);	/* sent again, too */
		segment(s, T0, v, 0, v->length, ACK);
		c->isn += 0x12345678;
		v->isn += 0x23456789;
	}
	assert_int_equal(s->messages, 3 * (c->messages + v->messages));
	free(c);
	free(v);
	seen_close(s);
}

static void a_forged_syn_or_reset_does_not_stop_a_stream(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state),
			   *forger = client_make(state);

	client_talk(c);
	forger->isn = 0x40000000;
	handshake(s, T0, c, v);
	segment(s, T0, c, 0, 3000, ACK);
	segment(s, T0, forger, 0, 0, SYN);
	segment(s, T0, forger, 0, 0, RST);
	segment(s, T0, c, 3000, c->length, ACK);
	messages_check(s, 0, c, 0, c->messages);
	free(c);
	free(v);
	free(forger);
	seen_close(s);
}

/* Half the number space ahead, where "ahead" turns into "behind". */
static void a_segment_from_nowhere_does_not_stop_a_stream(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);
	struct stream_sent *forger = client_make(state);

	client_talk(c);
	forger->length = 1000;
	handshake(s, T0, c, v);
	segment(s, T0, c, 0, 3000, ACK);
	for (uint32_t i = 0; i < 2000; i += 50) {
		forger->isn = c->isn + 3000 + INT32_MAX - 1000 + i;
		segment(s, T0, forger, 0, 1000, ACK);
	}
	reassemble_tick(s->r, T0 + 2 * NSEC_PER_S);
	segment(s, T0 + 2 * NSEC_PER_S, c, 3000, c->length, ACK);
	messages_check(s, 0, c, 0, c->messages);
	free(c);
	free(v);
	free(forger);
	seen_close(s);
}

/*
 * With enough tries some numbers are within the window.  The hole that such a
 * segment makes is given up after a second, and then the stream goes on where it was.
 */
static void a_segment_ahead_that_nobody_sent_costs_no_message(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);
	struct stream_sent *forger = client_make(state);
	uint32_t sent = 0;
	nsec now = T0;

	client_talk(c);
	forger->length = 1000;
	handshake(s, now, c, v);
	for (unsigned i = 0; i < c->messages; i++) {
		segment(s, now, c, sent, c->end[i], ACK);
		sent = c->end[i];
		for (uint32_t ahead = 0; ahead < 3; ahead++) {
			forger->isn = c->isn + sent + 7000 + 900 * ahead * i;
			segment(s, now + NSEC_PER_MS, forger, 0, 40, ACK);
		}
		now += NSEC_PER_S;
		for (int tick = 0; tick < 16; tick++, now += NSEC_PER_S / 4)
			reassemble_tick(s->r, now);
	}
	messages_check(s, 0, c, 0, c->messages);
	free(c);
	free(v);
	free(forger);
	seen_close(s);
}

static void segments_cut_by_the_snap_length_keep_the_messages_that_are_whole(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);
	uint32_t at = 6;

	client_talk(c);
	handshake(s, T0, c, v);
	segment(s, T0, c, 0, 6, ACK);
	for (unsigned i = 0; i < c->messages; at = c->end[i++])		/* a segment for each */
		segment_cut(s, T0, c, at, c->end[i], ACK, v6_of(state) ? 610 : 590);
	assert_int_equal(s->messages, 1 + 10);	/* 400 bytes of IKE; 200 to 533 of ESP */
	free(c);
	free(v);
	seen_close(s);
}

static void what_is_not_ipsec_gives_nothing_and_costs_little(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);

	handshake(s, T0, c, v);
	c->length = STREAM_BYTES;
	memset(c->bytes, 'x', c->length);
	for (uint32_t at = 0; at < c->length; at += 1024)
		segment(s, T0, c, at, at + 1024, ACK);
	assert_int_equal(s->messages, 0);
	c->isn += c->length;			/* much later, it is */
	c->length = 0;
	client_talk(c);
	for (uint32_t i = 0; i < 900; i++)
		stream_esp(c, 1000, 1000 + i);
	for (uint32_t at = 0; at < c->length; at += 1024)
		segment(s, T0, c, at, at + 1024 < c->length ? at + 1024 : c->length, ACK);
	assert_int_equal(s->seed[s->messages - 1], c->seed[c->messages - 1]);
	free(c);
	free(v);
	seen_close(s);
}

/* libnids counts a stream's bytes in an int, so it is given a new one now and then. */
static void a_stream_goes_on_beyond_a_gigabyte(void **state)
{
	enum { ROUNDS = 1200 };
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state);

	for (uint32_t i = 0; i < 200; i++)
		stream_esp(c, 5000, i);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (uint32_t at = 0; at < c->length; at += 64000)
			segment(s, T0, c, at, at + 64000 < c->length ? at + 64000 : c->length, ACK);
		c->isn += c->length;
	}
	assert_int_equal(s->messages, ROUNDS * 200);
	assert_int_equal(counters_of(s).refused, 0);
	assert_int_equal(counters_of(s).resyncs, 1);
	free(c);
	seen_close(s);
}

/* Half-open streams, streams with a hole, and streams with half a message. */
static void stream_flood(struct seen *s, bool v6, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct stream_sent *x =
		    stream_make(v6, mix(i), (uint16_t)(1024 + i % 60000), SERVER, 4500, i);

		x->length = 6000;
		memcpy(x->bytes, "IKETCP\xff\xf0", 8);
		segment(s, T0, x, 0, 0, SYN);
		if (i % 3 != 0)
			segment(s, T0, x, 0, 3000, ACK);
		if (i % 3 == 2)
			segment(s, T0, x, 4000, 6000, ACK);
		free(x);
	}
}

static void a_proven_stream_survives_a_flood_of_others(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state);
	size_t before;

	client_talk(c);
	handshake(s, T0, c, v);
	segment(s, T0, c, 0, 1000, ACK);
	stream_flood(s, v6_of(state), 2000);
	before = memory_used();
	stream_flood(s, v6_of(state), 2000);
	assert_in_range(memory_used(), 0, before + 65536);
	segment(s, T0, c, 1000, c->length, ACK);
	messages_check(s, 0, c, 0, c->messages);
	free(c);
	free(v);
	seen_close(s);
}

static void garbage_does_not_use_up_the_search_of_a_proven_stream(void **state)
{
	struct seen *s = seen_open(&limits, NULL);
	struct stream_sent *c = client_make(state), *v = server_make(state), *x;

	client_talk(c);
	handshake(s, T0, c, v);
	segment(s, T0, c, 0, 1000, ACK);
	for (uint32_t i = 0; i < 10000; i++) { /* three times what is searched in a second */
		x = stream_make(v6_of(state), mix(i), (uint16_t)(1024 + i % 60000), SERVER, 4500,
				i);
		memset(x->bytes, 'x', 1400);
		segment(s, T0, x, 0, 1400, ACK);
		free(x);
	}
	segment(s, T0, c, 2000, c->length, ACK);
	reassemble_tick(s->r, T0 + NSEC_PER_S);
	assert_int_equal(s->messages, messages_untouched(c, 1000, 2000));
	free(c);
	free(v);
	seen_close(s);
}

static void one_reassembler_after_the_other_starts_with_no_stream(void **state)
{
	for (int i = 0; i < 3; i++) {
		struct seen *s = seen_open(&limits, NULL);
		struct stream_sent *c = client_make(state), *v = server_make(state);

		client_talk(c);
		handshake(s, T0, c, v);
		segment(s, T0, c, 0, 1500, ACK);
		segment(s, T0, c, 2000, 2500, ACK);
		segment(s, T0, c, 1500, c->length, ACK);
		messages_check(s, 0, c, 0, c->messages);
		segment(s, T0, v, 100, 200, ACK);
		free(c);
		free(v);
		seen_close(s);
	}
}

#define BOTH(f) { #f " (IPv4)", f, NULL, NULL, NULL }, { #f " (IPv6)", f, NULL, NULL, &six }

int main(void)
{
	static int six = 6;
	const struct CMUnitTest tests[] = {
		BOTH(both_ways_in_segments_of_any_size),
		BOTH(reordered_repeated_and_overlapping_segments_give_each_message_once),
		BOTH(a_lost_segment_costs_only_what_was_in_it),
		BOTH(a_hole_is_given_up_when_the_stream_goes_on_without_a_tick),
		BOTH(a_fast_stream_does_not_wait_a_second_at_a_hole),
		BOTH(a_gap_wider_than_the_window_is_survived),
		BOTH(a_stream_seen_from_its_middle_is_read),
		BOTH(one_direction_alone_is_read),
		BOTH(ports_used_again_begin_a_new_stream),
		BOTH(a_forged_syn_or_reset_does_not_stop_a_stream),
		BOTH(a_segment_from_nowhere_does_not_stop_a_stream),
		BOTH(a_segment_ahead_that_nobody_sent_costs_no_message),
		BOTH(segments_cut_by_the_snap_length_keep_the_messages_that_are_whole),
		BOTH(what_is_not_ipsec_gives_nothing_and_costs_little),
		cmocka_unit_test(a_stream_goes_on_beyond_a_gigabyte),
		BOTH(a_proven_stream_survives_a_flood_of_others),
		BOTH(garbage_does_not_use_up_the_search_of_a_proven_stream),
		BOTH(one_reassembler_after_the_other_starts_with_no_stream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
