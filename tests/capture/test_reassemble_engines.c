/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * libnids and our own engine, side by side: of two reassemblers that are open
 * at once the second gets our own.  Built without libnids, both are ours.
 */
#include "capture/glue.h"
#include "stream_sent.h"

int nids_init(void) __attribute__((weak));

static const struct reassemble_limits limits = { 0 };

static const struct glue_size size = {
    .datagrams = 64, .fragment_blocks = 2048, .flows = 16, .flow_blocks = 2048};

static uint32_t draw(uint32_t *state, uint32_t below)
{
	*state = mix(*state + 0x9e3779b9);
	return *state % below;
}

static void libnids_is_used_when_it_is_built_in(void **state)
{
	struct err e = { "" };
	struct glue *g = nids_open(&size, &e), *second = nids_open(&size, &e);

	(void)state;
	assert_string_equal(e.text, "");
	assert_int_equal(g != NULL, nids_init != NULL);
	assert_null(second);
	if (g)
		g->close(g);
}

/* Without anybody in front: what the engine forgets is gone, and time does nothing to it. */
static void an_engine_forgets_what_it_is_told_to(struct glue *g)
{
	static uint8_t whole[65535];
	static const uint8_t bytes[2000] = { 1, 2, 3 };
	struct glue_fragment first = {.slot = 5, .length = 800, .seen = {bytes, 800}, .more = true};
	struct glue_fragment last = {
		.slot = 5, .offset = 800, .length = 10, .seen = {bytes, 10}, .completes = 810};

	g->fragment(g, &first, whole);
	assert_int_equal(g->fragment(g, &last, whole), 810);
	assert_memory_equal(whole + 800, bytes, 10);

	last.completes = 0;
	g->fragment(g, &last, whole);
	g->fragments_forget(g, 5);	/* its half is gone: nothing comes out */
	assert_int_equal(g->fragment(g, &first, whole), 0);
	g->fragments_forget(g, 5);

	for (int i = 0; i < 3; i++) {
		g->flow_open(g, 3);
		assert_int_equal(g->flow_put(g, 3, 2000, (struct bytes){ bytes, 2000 }, whole), 0);
		assert_int_equal(g->flow_put(g, 3, 0, (struct bytes){ bytes, 2000 }, whole), 4000);
		assert_int_equal(g->flow_put(g, 3, 5000, (struct bytes){ bytes, 2000 }, whole), 0);
		g->flow_close(g, 3);
	}
}

static void libnids_forgets_what_it_is_told_to(void **state)
{
	struct err e = { "" };
	struct glue *g = nids_open(&size, &e);

	(void)state;
	if (!g) {
		/* built without it; not: it does not start */
		assert_string_equal(e.text, "");
		skip();
	}
	an_engine_forgets_what_it_is_told_to(g);
	g->close(g);
}

static void our_own_forgets_what_it_is_told_to(void **state)
{
	struct glue *g = glue_open(&size);

	(void)state;
	an_engine_forgets_what_it_is_told_to(g);
	g->close(g);
}

static void the_same_came_out(const struct seen *a, const struct seen *b)
{
	struct reassemble_counters x = counters_of(a), y = counters_of(b);

	assert_int_equal(a->packets, b->packets);
	assert_int_equal(a->messages, b->messages);
	assert_int_equal(a->missing, b->missing);
	assert_memory_equal(a->seed, b->seed, sizeof(a->seed));
	assert_memory_equal(a->length, b->length, sizeof(a->length));
	assert_memory_equal(&x, &y, sizeof(x));
}

/* Random cuts, in random order, of datagrams that are all complete. */
static void both_engines_make_the_same_datagrams(void **state)
{
	enum { ROUNDS = 1500, PIECES = 40 };
	struct seen *a = seen_open(&limits, NULL), *b = seen_open(&limits, NULL);
	uint32_t random = 1;

	(void)state;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		struct datagram_sent d = {.src = 1 + round % 7,
					  .dst = 100 + round % 5,
					  .id = round,
					  .length =
					      16 + draw(&random, round % 50 == 0 ? 65000 : 4000),
					  .seed = round};
		uint32_t cut[PIECES + 1] = { 0 }, order[PIECES], n = 0;

		while (cut[n] < d.length) {	/* the last is often of a few bytes only */
			uint32_t step = 8 * (1 + draw(&random, d.length / 100 + 20));

			order[n] = n;
			n++;
			cut[n] = n == PIECES || cut[n - 1] + step > d.length ? d.length
									     : cut[n - 1] + step;
		}
		if (n < 2)
			continue;
		for (uint32_t i = n - 1; i > 0; i--) {
			uint32_t j = draw(&random, i + 1), keep = order[i];

			order[i] = order[j];
			order[j] = keep;
		}
		for (uint32_t i = 0; i < n; i++) {
			fragment_feed(a, T0 + round * NSEC_PER_MS, round, &d, cut[order[i]],
				      cut[order[i] + 1]);
			fragment_feed(b, T0 + round * NSEC_PER_MS, round, &d, cut[order[i]],
				      cut[order[i] + 1]);
		}
	}
	assert_in_range(a->packets, ROUNDS - 100, ROUNDS);
	assert_int_equal(a->packets, counters_of(a).whole);
	assert_int_equal(counters_of(a).refused, 0);
	the_same_came_out(a, b);
	seen_close(b);
	seen_close(a);
}

/* Anything goes: overlaps, copies, holes, contradictions, floods, time. */
static void both_engines_refuse_the_same_fragments(void **state)
{
	const struct reassemble_limits tight = {
		.datagrams = 64, .bytes = 1, .timeout = 5 * NSEC_PER_S};
	struct seen *a = seen_open(&tight, NULL), *b = seen_open(&tight, NULL);
	uint32_t random = 7;
	nsec at = T0;

	(void)state;
	a->jumbled = b->jumbled = true;
	for (uint32_t i = 0; i < 40000; i++) {
		struct datagram_sent d = {.src = draw(&random, 10),
					  .dst = draw(&random, 10),
					  .id = draw(&random, 2),
					  .length = 8 * (2 + draw(&random, 3)),
					  .seed = 1};
		uint32_t from = 8 * draw(&random, d.length / 8),
			 to = from + 8 * (1 + draw(&random, 3));

		if (from == 0 && to >= d.length)
			continue;
		at += draw(&random, 50) * NSEC_PER_MS;
		fragment_feed(a, at, i, &d, from, to < d.length ? to : d.length);
		fragment_feed(b, at, i, &d, from, to < d.length ? to : d.length);
		if (i % 100 == 0) {
			reassemble_tick(a->r, at);
			reassemble_tick(b->r, at);
		}
	}
	assert_in_range(a->packets, 100, 40000);
	assert_in_range(counters_of(a).refused, 100, 40000);
	assert_in_range(a->missing, 100, 40000);
	the_same_came_out(a, b);
	seen_close(b);
	seen_close(a);
}

static void both_engines_read_the_same_messages(void **state)
{
	enum { STREAMS = 6 };
	struct seen *a = seen_open(&limits, NULL), *b = seen_open(&limits, NULL);
	struct stream_sent *t[STREAMS];
	uint32_t at[STREAMS] = { 0 }, random = 99;
	nsec now = T0;

	(void)state;
	for (uint32_t i = 0; i < STREAMS; i++) {
		t[i] = stream_make(false, 10 + i, 1000, 5, 4500, mix(i));
		stream_say(t[i], "IKETCP", 6);
		for (uint32_t j = 0; j < 300; j++) {
			if (draw(&random, 10) == 0)
				stream_ike(t[i], 100 + draw(&random, 2900), i * 1000 + j);
			else
				stream_esp(t[i], 100 + draw(&random, 1300), i * 1000 + j);
		}
	}
	for (uint32_t n = 0; n < 6000; n++) {
		uint32_t i = draw(&random, STREAMS), jump = draw(&random, 20);
		uint32_t from = at[i] + (jump == 1 ? draw(&random, 9000) : 0);
		uint32_t to = from + 1 + draw(&random, 1448);

		if (jump == 2)
			from -= from < 700 ? from : 700;
		if (from >= t[i]->length)
			continue;
		to = to < t[i]->length ? to : t[i]->length;
		if (jump != 3) {		/* else it is lost */
			segment(a, now, t[i], from, to, ACK);
			segment(b, now, t[i], from, to, ACK);
		}
		if (jump != 1)
			at[i] = to;
		now += draw(&random, 20) * NSEC_PER_MS;
		reassemble_tick(a->r, now);
		reassemble_tick(b->r, now);
	}
	assert_in_range(a->messages, 600, 1800);
	assert_in_range(counters_of(a).holes, 20, 1000);
	the_same_came_out(a, b);
	for (uint32_t i = 0; i < STREAMS; i++)
		free(t[i]);
	seen_close(b);
	seen_close(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(libnids_is_used_when_it_is_built_in),
		cmocka_unit_test(libnids_forgets_what_it_is_told_to),
		cmocka_unit_test(our_own_forgets_what_it_is_told_to),
		cmocka_unit_test(both_engines_make_the_same_datagrams),
		cmocka_unit_test(both_engines_refuse_the_same_fragments),
		cmocka_unit_test(both_engines_read_the_same_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
