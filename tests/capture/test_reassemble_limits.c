/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The refusals of the reassembler, and what its limits push out; bytes that no honest sender would
 * send.
 */
#include "stream_sent.h"

static const struct reassemble_limits small = {
	.datagrams = 1, .bytes = 1, .streams = 1, .timeout = 5 * NSEC_PER_S,
};
static const struct reassemble_limits usual = { 0 };

/* ---- fragments --------------------------------------------------------------- */

/*
 * An IPv6 fragment behind a Destination Options header (RFC 8200 4.1: before or behind a Routing
 * header).
 */
static void feed_behind_options(struct seen *s, nsec at, uint32_t from, uint32_t to,
				uint32_t length, uint8_t next)
{
	uint8_t ip[40 + 8 + 8 + 512] = { 0x60 }, payload[512];
	uint32_t bytes = 40 + 8 + 8 + to - from;

	payload_fill(payload, length, 77);
	put16(ip + 4, bytes - 40);
	ip[6] = 60;
	ip[7] = 64;
	ip[23] = 1;
	ip[39] = 2;
	ip[40] = 44;
	ip[42] = 1;	/* PadN of four bytes */
	ip[43] = 4;
	ip[48] = next;
	put16(ip + 50, from | (to < length));
	put32(ip + 52, 0xabcd);
	memcpy(ip + 56, payload + from, to - from);
	packet_feed(s, at, 1, ip, bytes, bytes);
}

static void a_fragment_header_behind_other_headers_is_found(void **state)
{
	struct seen *s = seen_open(&small, NULL);

	(void)state;
	feed_behind_options(s, T0, 0, 256, 400, IP_ESP);
	feed_behind_options(s, T0, 256, 400, 400, IP_ESP);
	assert_int_equal(s->packets, 1);
	assert_int_equal(s->packet.protocol, IP_ESP);
	assert_int_equal(s->length[0], 400);
	assert_false(s->packet.fragment);
	seen_close(s);
}

/* Its pieces fit, but what they make has a header that reaches beyond its end. */
static void a_whole_that_is_no_packet_is_refused(void **state)
{
	struct seen *s = seen_open(&small, NULL);

	(void)state;
	/*
	 * the payload begins with the seed, 77: next header 0, length 0, then options, … up to an
	 * end it does not have
	 */
	feed_behind_options(s, T0, 0, 8, 16, 43);
	feed_behind_options(s, T0, 8, 16, 16, 43);
	assert_int_equal(s->packets, 0);
	assert_int_equal(counters_of(s).whole, 0);
	assert_int_equal(counters_of(s).refused, 1);
	feed_behind_options(s, T0, 8, 16, 16, 43);
	assert_int_equal(counters_of(s).repeated, 1);	/* and a copy of it is no news */
	seen_close(s);
}

/* The last fragment has a header of 20 bytes and ends at 65,535; the first has one of 60. */
static void a_first_header_that_makes_the_whole_too_long_is_refused(void **state)
{
	struct datagram_sent d = { .src = 1, .dst = 2, .id = 9, .length = 65515, .seed = 5 };
	struct seen *s = seen_open(&small, NULL);
	uint32_t length;

	(void)state;
	for (uint32_t at = 8000; at < d.length; at += 8000)
		fragment_feed(s, T0, 1, &d, at, at + 8000 < d.length ? at + 8000 : d.length);

	uint8_t *first = fragment_make(&d, 0, 8000, &length), *longer = calloc(1, length + 40);

	memcpy(longer, first, 20);
	memset(longer + 20, 1, 40);	/* no operation, RFC 791 3.1 */
	memcpy(longer + 60, first + 20, length - 20);
	longer[0] = 0x4f;
	put16(longer + 2, length + 40);
	packet_feed(s, T0, 2, longer, length + 40, length + 40);
	assert_int_equal(s->packets, 0);
	assert_int_equal(counters_of(s).refused, 1);
	free(first);
	free(longer);
	seen_close(s);
}

/* More fragments than a finished datagram keeps the fingerprints of. */
static void copies_of_a_datagram_in_sixty_pieces_are_told(void **state)
{
	const struct datagram_sent d = {
		.src = 1, .dst = 2, .id = 3, .length = 60 * 64, .seed = 4
	};
	struct seen *s = seen_open(&small, NULL);

	(void)state;
	for (int copy = 0; copy < 2; copy++)
		for (uint32_t at = 0; at < d.length; at += 64)
			fragment_feed(s, T0 + copy * NSEC_PER_MS, 1, &d, at, at + 64);
	assert_int_equal(s->packets, 1);
	assert_int_equal(counters_of(s).repeated, 60);
	seen_close(s);
}

static void halves_feed(struct seen *s, nsec at, uint32_t id)
{
	const struct datagram_sent d = { .src = 1, .dst = 2, .id = id, .length = 320, .seed = id };

	fragment_feed(s, at, id, &d, 0, 160);
	fragment_feed(s, at, id, &d, 160, 320);
}

/*
 * Of 64 datagrams 16 are remembered when they are done: the seventeenth makes the first be
 * forgotten.
 */
static void of_those_that_are_done_a_quarter_is_remembered(void **state)
{
	struct seen *s = seen_open(&small, NULL);

	(void)state;
	for (uint32_t id = 1; id <= 17; id++)
		halves_feed(s, T0, id);
	assert_int_equal(s->packets, 17);
	halves_feed(s, T0, 17);
	assert_int_equal(s->packets, 17);
	assert_int_equal(counters_of(s).repeated, 2);
	halves_feed(s, T0, 1);
	assert_int_equal(s->packets, 18);
	seen_close(s);
}

static void a_clock_set_back_forgets_what_was_done(void **state)
{
	struct seen *s = seen_open(&small, NULL);

	(void)state;
	halves_feed(s, T0 + 100 * NSEC_PER_S, 1);
	assert_int_equal(s->packets, 1);
	reassemble_tick(s->r, T0);
	halves_feed(s, T0, 1);
	assert_int_equal(s->packets, 2);
	assert_int_equal(counters_of(s).repeated, 0);
	seen_close(s);
}

/*
 * Large ones, never complete, to ever other destinations: the oldest goes, the last still becomes
 * whole.
 */
static void bytes_that_wait_push_out_the_oldest(void **state)
{
	struct seen *s = seen_open(&small, NULL);
	struct datagram_sent d = { .src = 1, .length = 60000 };

	(void)state;
	for (uint32_t n = 1; n <= 40; n++) {	/* 40 of 48,000 bytes do not fit into 1.5 MiB */
		d.dst = 100 + n;
		d.id = d.seed = n;
		for (uint32_t at = 0; at < 48000; at += 8000)
			fragment_feed(s, T0, n, &d, at, at + 8000);
	}
	assert_true(counters_of(s).refused > 0);
	assert_int_equal(s->packets, 0);
	fragment_feed(s, T0, 41, &d, 48000, 56000);
	fragment_feed(s, T0, 41, &d, 56000, 60000);
	assert_int_equal(s->packets, 1);
	assert_int_equal(s->seed[0], 40);
	seen_close(s);
}

/* ---- streams ----------------------------------------------------------------- */

static void a_tcp_header_shorter_than_it_can_be_is_refused(void **state)
{
	struct seen *s = seen_open(&small, NULL);
	uint8_t ip[60] = {
		0x45, [8] = 64, [9] = IP_TCP, [15] = 1, [19] = 2, [20] = 4500 >> 8,
		[21] = 4500 & 0xff, [22] = 9,
	};

	(void)state;
	put16(ip + 2, sizeof(ip));
	ip[32] = 0x40;	/* four words: RFC 9293 3.1 has five */
	packet_feed(s, T0, 1, ip, sizeof(ip), sizeof(ip));
	assert_int_equal(counters_of(s).refused, 1);
	assert_int_equal(counters_of(s).segments, 1);
	ip[32] = 0x50;
	packet_feed(s, T0, 1, ip, 33, sizeof(ip));	/* and one whose flags were not captured */
	assert_int_equal(counters_of(s).refused, 2);
	seen_close(s);
}

static void a_length_that_cannot_be_is_searched_past(void **state)
{
	struct stream_sent *t = stream_make(false, 1, 1000, 2, 4500, 7);
	struct seen *s = seen_open(&usual, NULL);

	(void)state;
	stream_say(t, "IKETCP", 6);
	for (unsigned i = 0; i < 4; i++)
		stream_ike(t, 200, 10 + i);
	stream_say(t, "\0\1", 2);	/* includes itself, RFC 9329 3: less than 2 is none */
	stream_say(t, "\0\6\0\0\0\0", 6);	/* a marker with no IKE behind */
	for (unsigned i = 0; i < 4; i++)
		stream_ike(t, 300, 20 + i);
	segment(s, T0, t, 0, 0, SYN);
	for (uint32_t at = 0; at < t->length; at += 500)
		segment(s, T0 + NSEC_PER_MS * at, t, at,
			at + 500 < t->length ? at + 500 : t->length, ACK);
	messages_check(s, 0, t, 0, 8);
	assert_true(counters_of(s).resyncs >= 1);
	seen_close(s);
	free(t);
}

static void a_clock_set_back_does_not_keep_a_hole_open(void **state)
{
	struct stream_sent *t = stream_make(true, 1, 1000, 2, 4500, 7);
	struct seen *s = seen_open(&small, NULL);
	nsec later = T0 + 100 * NSEC_PER_S;

	(void)state;
	stream_say(t, "IKETCP", 6);
	for (unsigned i = 0; i < 3; i++)
		stream_ike(t, 200, 10 + i);
	segment(s, later, t, 0, 0, SYN);
	segment(s, later, t, 0, t->end[0], ACK);
	segment(s, later, t, t->end[1], t->end[2], ACK);
	assert_int_equal(s->messages, 1);
	reassemble_tick(s->r, T0);
	reassemble_tick(s->r, T0 + NSEC_PER_S / 2);
	assert_int_equal(s->messages, 1);
	reassemble_tick(s->r, T0 + 2 * NSEC_PER_S);
	assert_int_equal(s->messages, 2);
	assert_int_equal(s->seed[1], 12);
	assert_int_equal(counters_of(s).holes, 1);
	seen_close(s);
	free(t);
}

/* Both sides said FIN: for a minute what comes again is old, then the ports are anybody's. */
static void a_closed_stream_is_forgotten_after_a_minute(void **state)
{
	struct stream_sent *client = stream_make(false, 1, 1000, 2, 4500, 7),
			   *server = stream_make(false, 2, 4500, 1, 1000, 9);
	struct seen *s = seen_open(&small, NULL);

	(void)state;
	stream_say(client, "IKETCP", 6);
	stream_ike(client, 200, 11);
	stream_ike(server, 200, 12);
	segment(s, T0, client, 0, 0, SYN);
	segment(s, T0, server, 0, 0, SYN | ACK);
	segment(s, T0, client, 0, client->length, ACK | FIN);
	segment(s, T0, server, 0, server->length, ACK | FIN);
	assert_int_equal(s->messages, 2);
	reassemble_tick(s->r, T0 + 30 * NSEC_PER_S);
	segment(s, T0 + 30 * NSEC_PER_S, client, 0, client->length, ACK | FIN);
	assert_int_equal(s->messages, 2);
	reassemble_tick(s->r, T0 + 91 * NSEC_PER_S);
	segment(s, T0 + 91 * NSEC_PER_S, client, 0, client->length, ACK | FIN);
	assert_int_equal(s->messages, 3);
	seen_close(s);
	free(client);
	free(server);
}

/* Forty streams that each promise a message of 64 KiB and stop before its end: the oldest goes. */
static void unfinished_messages_push_out_the_oldest_stream(void **state)
{
	const struct reassemble_limits many = { .bytes = 1, .streams = 64 };
	struct seen *s = seen_open(&many, NULL);
	struct stream_sent *t = NULL;
	size_t before = memory_used();

	(void)state;
	for (uint32_t n = 1; n <= 40; n++) {
		free(t);
		t = stream_make(false, 100 + n, 1000, 2, 4500, 7);
		stream_say(t, "IKETCP", 6);
		stream_ike(t, 65000, n);
		segment(s, T0, t, 0, 0, SYN);
		for (uint32_t at = 0; at < 60000; at += 1000)
			segment(s, T0, t, at, at + 1000, ACK);
	}
	assert_int_equal(s->messages, 0);
	assert_true(counters_of(s).refused > 0);
	assert_true(memory_used() - before < (2u << 20));
	segment(s, T0, t, 60000, t->length, ACK);
	assert_int_equal(s->messages, 1);
	assert_int_equal(s->seed[0], 40);
	seen_close(s);
	free(t);
}

/*
 * Single bytes wait behind holes, and one segment covers them all: what lies between them is
 * more pieces than may wait.  Those that found no room may be sent again.
 */
static void of_a_segment_between_many_pieces_that_wait_only_so_many_pieces_wait(void **state)
{
	struct seen *s = seen_open(&small, NULL);
	struct stream_sent *c = stream_make(false, 1, 1000, 2, 4500, 7);
	uint32_t from;

	(void)state;
	stream_say(c, "IKETCP", 6);
	stream_ike(c, 200, 1);
	for (uint32_t n = 0; n < 10; n++)
		stream_esp(c, 500, 10 + n);
	segment(s, T0, c, 0, 0, SYN);
	segment(s, T0, c, 0, c->end[0], ACK);
	from = c->end[0] + 1000;
	for (uint32_t n = 0; n < 120; n++)
		segment(s, T0, c, from + 2 * n, from + 2 * n + 1, ACK);
	assert_int_equal(counters_of(s).refused, 0);
	segment(s, T0, c, from, from + 240, ACK);
	assert_int_equal(counters_of(s).refused, 1);
	segment(s, T0, c, c->end[0], c->length, ACK);
	messages_check(s, 0, c, 0, c->messages);
	free(c);
	seen_close(s);
}

/*
 * With single bytes that wait, each in a block of its own, and long messages in both directions: it
 * has room for all of it.
 */
static void a_stream_alone_has_room_for_the_most_that_may_wait(void **state)
{
	const struct reassemble_limits many = { .bytes = 1, .streams = 64 };
	struct seen *s = seen_open(&many, NULL);
	struct stream_sent *way[2] = {
		stream_make(false, 1, 1000, 2, 4500, 7), stream_make(false, 2, 4500, 1, 1000, 9),
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		stream_ike(way[i], 200, 1);
		stream_ike(way[i], 65000, 2);
		segment(s, T0, way[i], 0, 0, i == 0 ? SYN : SYN | ACK);
		segment(s, T0, way[i], 0, way[i]->end[0], ACK);
	}
	for (int i = 0; i < 2; i++) {
		uint32_t first = way[i]->end[0];

		for (uint32_t at = 0; at < 60000; at += 1000)
			segment(s, T0, way[i], first + at, first + at + 1000, ACK);
		for (uint32_t n = 0; n < 230; n++)
			segment(s, T0, way[i], first + 62000 + 2 * n, first + 62001 + 2 * n, ACK);
	}
	assert_int_equal(s->messages, 2);
	for (int i = 0; i < 2; i++)
		for (uint32_t at = way[i]->end[0] + 60000; at < way[i]->length; at += 1000)
			segment(s, T0, way[i], at,
				at + 1000 < way[i]->length ? at + 1000 : way[i]->length, ACK);
	assert_int_equal(s->messages, 4);
	assert_int_equal(counters_of(s).refused, 0);
	free(way[0]);
	free(way[1]);
	seen_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fragment_header_behind_other_headers_is_found),
		cmocka_unit_test(a_whole_that_is_no_packet_is_refused),
		cmocka_unit_test(a_first_header_that_makes_the_whole_too_long_is_refused),
		cmocka_unit_test(copies_of_a_datagram_in_sixty_pieces_are_told),
		cmocka_unit_test(of_those_that_are_done_a_quarter_is_remembered),
		cmocka_unit_test(a_clock_set_back_forgets_what_was_done),
		cmocka_unit_test(bytes_that_wait_push_out_the_oldest),
		cmocka_unit_test(a_tcp_header_shorter_than_it_can_be_is_refused),
		cmocka_unit_test(a_length_that_cannot_be_is_searched_past),
		cmocka_unit_test(a_clock_set_back_does_not_keep_a_hole_open),
		cmocka_unit_test(a_closed_stream_is_forgotten_after_a_minute),
		cmocka_unit_test(unfinished_messages_push_out_the_oldest_stream),
		cmocka_unit_test(
			of_a_segment_between_many_pieces_that_wait_only_so_many_pieces_wait),
		cmocka_unit_test(a_stream_alone_has_room_for_the_most_that_may_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
