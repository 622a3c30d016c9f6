/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is fetched ahead is only a guess: with more IKE SAs than the cache holds,
 * messages that come by the batch lead where they lead one by one, and no byte is
 * read that was not captured.
 */
#include "track/talk.h"

enum { SESSIONS = 2100, BATCH_MAX = 32, HEADERS = 20 + 8, CUT_MAX = 40 };

static struct session session_of(uint32_t i)
{
	struct session s = session_between(0x0a000000 + i, 0xac100000 + i,
					   UINT64_C(0x1122334400000000) + i);

	if (i % 3 == 0)		/* with the marker */
		s.peer[0].port = s.peer[1].port = 4500;
	s.next_id[0] = 2;
	return s;
}

static void set_all_up(struct watch *w)
{
	watch_init(w);
	w->settings.tables_tunnels = w->settings.tables_ike_sas = 2 * SESSIONS;
	w->settings.tables_child_sas = 2 * SESSIONS;
	watch_start(w);
	for (uint32_t i = 0; i < SESSIONS; i++) {
		struct session s = session_of(i);

		set_up(w, &s);
	}
}

/* Its next request, or the answer; the first `captured` bytes, in memory of that size. */
static struct frame probe(struct watch *w, uint32_t i, bool response, size_t captured)
{
	struct session s = session_of(i);
	struct sk k = { .exchange = IKE2_EXCHANGE_INFORMATIONAL, .np1 = NP_NONE, .id = 2,
			.response = response, .by_initiator = !response, .length = LEN_DPD };
	struct build m = sk_message(&s, &k);
	uint8_t marked[512] = { 0 };
	size_t marker = i % 3 == 0 ? 4 : 0;

	memcpy(marked + marker, m.bytes, m.length);

	struct built b = built_from(marked, m.length + marker);

	wrap_udp(&b, s.peer[response].port, s.peer[!response].port);
	wrap_ipv4(&b, IP_UDP, s.peer[response].addr, s.peer[!response].addr);
	captured = captured < b.length ? captured : b.length;

	uint8_t *bytes = malloc(captured);

	assert_non_null(bytes);
	memcpy(bytes, built_data(&b), captured);
	w->now += MS;
	return (struct frame){ .at = w->now, .number = ++w->frames, .capture = 1,
			       .captured = (uint32_t)captured, .length = (uint32_t)b.length,
			       .link_type = LINK_RAW, .data = bytes };
}

static void give_all(struct watch *w, struct frame *frames, size_t n)
{
	tracker_frames(w->tracker, frames, n);
	for (size_t i = 0; i < n; i++)
		free((void *)(uintptr_t)frames[i].data);
}

static void messages_of_many_ike_sas_find_theirs_by_the_batch(void **state)
{
	struct frame frames[BATCH_MAX];
	struct watch w;
	size_t n = 0;

	(void)state;
	set_all_up(&w);
	for (uint32_t i = 0; i < SESSIONS; i++) {
		frames[n++] = probe(&w, i, false, SIZE_MAX);
		frames[n++] = probe(&w, i, true, SIZE_MAX);
		if (n == BATCH_MAX || i + 1 == SESSIONS) {
			give_all(&w, frames, n);
			n = 0;
		}
	}
	assert_int_equal(tracker_tunnels(w.tracker), SESSIONS);
	for (uint32_t i = 0; i < SESSIONS; i++) {
		const struct ike_sa *sa = tracker_ike_sa(w.tracker, i);

		assert_non_null(sa);
		assert_int_equal(sa->messages, 6);
		assert_int_equal(sa->answered_id[0], 2);
	}
	watch_close(&w);
}

static void of_a_message_that_is_cut_nothing_is_read_that_is_missing(void **state)
{
	struct frame frames[CUT_MAX];
	struct watch w;

	(void)state;
	set_all_up(&w);
	for (uint32_t i = 0; i < CUT_MAX; i++)
		frames[i] = probe(&w, 1, false, HEADERS + i);
	give_all(&w, frames, CUT_MAX);
	assert_int_equal(tracker_tunnels(w.tracker), SESSIONS);
	assert_int_equal(tracker_ike_sa(w.tracker, 1)->answered_id[0], 1);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_many_ike_sas_find_theirs_by_the_batch),
		cmocka_unit_test(of_a_message_that_is_cut_nothing_is_read_that_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
