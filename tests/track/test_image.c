/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/image_values.h"
#include "track/talk.h"

enum { SPI = 0xc0000001, SPI2 = 0xc0000002, IMAGES_MAX = 8, IMAGE_ROOM = 1 << 16 };

static const uint32_t spi[2] = { SPI, SPI2 };

struct images {
	uint8_t *at[IMAGES_MAX];
	size_t length[IMAGES_MAX];
	unsigned n;
};

/* Exact-size copies of all tunnels of a tracker. */
static struct images save(struct watch *w)
{
	static uint8_t room[IMAGE_ROOM];
	struct images s = { .n = 0 };

	tracker_flush(w->tracker);
	for (uint32_t i = 0; i < tracker_tunnels(w->tracker); i++) {
		size_t length = tracker_tunnel(w->tracker, i)
					? tracker_save(w->tracker, i, room, sizeof(room))
					: 0;

		if (length == 0)
			continue;
		/* nothing is unsaved now */
		length = tracker_save(w->tracker, i, room, sizeof(room));
		assert_true(length <= sizeof(room) && s.n < IMAGES_MAX);
		s.at[s.n] = malloc(length);
		assert_non_null(s.at[s.n]);
		memcpy(s.at[s.n], room, length);
		s.length[s.n++] = length;
	}
	return s;
}

static void drop(struct images *s)
{
	for (unsigned i = 0; i < s->n; i++)
		free(s->at[i]);
}

static unsigned restore(struct watch *w, const struct images *s)
{
	unsigned n = 0;
	uint32_t tunnel;

	for (unsigned i = 0; i < s->n; i++)
		n += tracker_restore(w->tracker, 1, (struct bytes){ s->at[i], s->length[i] },
				     &tunnel);
	return n;
}

/* A tunnel with a rekeyed child SA, one with IKEv1, and a stranger's packet. */
static void live(struct watch *w)
{
	struct session s = session_between(GW_A, GW_B, 0x11),
		       old = session_between(GW_A, GW_C, 0x22);

	set_up(w, &s);
	talk(w, &s, spi, 1, 40, 100 * MS);
	rekey_child(w, &s, 0);
	talk(w, &s, (const uint32_t[2]){ SPI + 16, SPI2 + 16 }, 1, 40, 100 * MS);
	dpd(w, &s, 1);
	main_mode(w, &old);
	quick_mode(w, &old, 0, 77);
	talk(w, &old, (const uint32_t[2]){ SPI + 32, SPI2 + 32 }, 1, 20, 100 * MS);
	ask(w, &s, 0, IKE2_EXCHANGE_INFORMATIONAL, 0, 80);	/* not answered yet */
	idle(w, 31 * S);
}

static void a_tracker_that_was_restored_gives_the_same_images(void **state)
{
	struct watch w, again;
	struct images before, after;

	(void)state;
	watch_open(&w);
	live(&w);
	before = save(&w);
	assert_int_equal(before.n, 2);

	watch_open(&again);
	assert_int_equal(restore(&again, &before), 2);
	tracker_resume(again.tracker, 1, w.now, w.now, false);
	tracker_check(again.tracker);
	after = save(&again);
	assert_int_equal(after.n, before.n);
	for (unsigned i = 0; i < after.n; i++) {
		assert_int_equal(after.length[i], before.length[i]);
		assert_memory_equal(after.at[i], before.at[i], before.length[i]);
	}
	drop(&before);
	drop(&after);
	watch_free(&again);
	watch_free(&w);
}

/* What a function that was called before left there. */
static __attribute__((noinline)) void leave_on_the_stack(int byte)
{
	volatile uint8_t left[1 << 15];

	for (size_t i = 0; i < sizeof(left); i++)
		left[i] = (uint8_t)byte;
}

static void images_do_not_tell_what_was_on_the_stack(void **state)
{
	struct images s[2];

	(void)state;
	for (int run = 0; run < 2; run++) {
		struct session session = session_between(GW_A, GW_B, 0x11),
			       old = session_between(GW_A, GW_C, 0x22);
		struct watch w;

		watch_open(&w);
		leave_on_the_stack(run ? 0xaa : 0x55);
		set_up(&w, &session);
		leave_on_the_stack(run ? 0xaa : 0x55);
		talk(&w, &session, spi, 1, 40, 100 * MS);
		leave_on_the_stack(run ? 0xaa : 0x55);
		rekey_child(&w, &session, 0);
		leave_on_the_stack(run ? 0xaa : 0x55);
		main_mode(&w, &old);
		leave_on_the_stack(run ? 0xaa : 0x55);
		quick_mode(&w, &old, 0, 77);
		leave_on_the_stack(run ? 0xaa : 0x55);
		s[run] = save(&w);
		watch_free(&w);
	}
	assert_int_equal(s[0].n, 2);
	assert_int_equal(s[1].n, 2);
	for (unsigned i = 0; i < s[0].n; i++) {
		assert_int_equal(s[0].length[i], s[1].length[i]);
		assert_memory_equal(s[0].at[i], s[1].at[i], s[0].length[i]);
	}
	drop(&s[0]);
	drop(&s[1]);
}

static void restored_sas_go_on_under_their_names(void **state)
{
	struct watch w, again;
	struct images s;
	struct session session = session_between(GW_A, GW_B, 0x11);
	object_id id, ike;
	uint64_t packets;

	(void)state;
	watch_open(&w);
	live(&w);
	id = esp_at(&w, SPI + 16)->id;
	packets = esp_at(&w, SPI + 16)->packets;
	ike = ike_at(&w, 0x11)->id;
	s = save(&w);
	watch_open(&again);
	restore(&again, &s);
	tracker_resume(again.tracker, 1, w.now, w.now, false);
	again.now = w.now + 100 * MS;
	esp_between(&again, GW_A, GW_B, SPI + 16, 41);
	assert_int_equal(esp_at(&again, SPI + 16)->id, id);
	assert_int_equal(esp_at(&again, SPI + 16)->packets, packets + 1);
	assert_int_equal(esp_sa_lost(esp_at(&again, SPI + 16)), 0);
	session.next_id[1] = 40;
	dpd(&again, &session, 1);
	assert_int_equal(ike_at(&again, 0x11)->id, ike);
	assert_int_equal(tracker_tunnel_of_peer(again.tracker, addr_v4(GW_C), 0, 8),
			 tracker_tunnel_of_peer(w.tracker, addr_v4(GW_C), 0, 8));
	assert_int_not_equal(tracker_tunnel_of_peer(w.tracker, addr_v4(GW_C), 0, 8), NO_INDEX);
	assert_int_equal(again.count[EVENT_ESP_SA_FIRST] + again.count[EVENT_IKE_SA_CREATED], 0);
	tracker_check(again.tracker);
	drop(&s);
	watch_free(&again);
	watch_free(&w);
}

/* An image from before the mark on the tunnel that one may wait. */
static void a_child_sa_that_waits_for_its_spis_gets_them_after_a_restart(void **state)
{
	struct watch w, again;
	struct images s;
	struct session session = session_between(GW_A, GW_B, 0x11);

	(void)state;
	watch_open(&w);
	set_up(&w, &session);
	dpd(&w, &session, 0);
	tracker_flush(w.tracker);
	w.tracker->tunnels[0].flags &= ~(uint32_t)(TUNNEL_CHILD_MADE | TUNNEL_PAIRED_BY_ORDER);
	s = save(&w);
	watch_open(&again);
	assert_int_equal(restore(&again, &s), 1);
	tracker_resume(again.tracker, 1, w.now, w.now, false);
	again.now = w.now + 100 * MS;
	talk(&again, &session, spi, 1, 5, 10 * MS);
	for (int d = 0; d < 2; d++)
		assert_int_equal(again.tracker->child_sas[esp_at(&again, spi[d])->child].how,
				 CREATED_IKE_AUTH);
	tracker_check(again.tracker);
	drop(&s);
	watch_free(&again);
	watch_free(&w);
}

static void a_tunnel_whose_login_goes_on_after_a_restart_is_not_down(void **state)
{
	struct watch w, again;
	struct images s;
	struct session session = session_between(GW_A, GW_B, 0x11);

	(void)state;
	watch_open(&w);
	say_init(&w, &session, false);
	say_init(&w, &session, true);
	say(&w, &session, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
	pass(&w, 1500 * MS);
	say(&w, &session, 0, false, IKE2_EXCHANGE_IKE_AUTH, 1, NP_IDI, LEN_AUTH);
	assert_int_equal(tunnel_at(&w, 0)->state, TUNNEL_UNKNOWN);
	s = save(&w);
	watch_open(&again);
	assert_int_equal(restore(&again, &s), 1);
	tracker_resume(again.tracker, 1, w.now, w.now, false);
	again.now = w.now;
	idle(&again, 2700 * MS);
	assert_int_equal(tunnel_at(&again, 0)->state, TUNNEL_UNKNOWN);
	assert_int_equal(again.count[EVENT_TICK], w.count[EVENT_TICK]);
	drop(&s);
	watch_free(&again);
	watch_free(&w);
}

static void what_is_saved_says_whether_more_must_be(void **state)
{
	struct watch w;
	uint8_t room[IMAGE_ROOM];
	size_t length;

	(void)state;
	watch_open(&w);
	live(&w);
	assert_true(tracker_unsaved(w.tracker, 0));
	length = tracker_save(w.tracker, 0, room, 10);	/* too small: nothing is saved */
	assert_true(length > 10 && tracker_unsaved(w.tracker, 0));
	assert_int_equal(tracker_save(w.tracker, 0, room, sizeof(room)), length);
	assert_false(tracker_unsaved(w.tracker, 0));
	esp_between(&w, GW_A, GW_B, SPI + 16, 41);	/* a packet is in its row */
	assert_false(tracker_unsaved(w.tracker, 0));
	esp_between(&w, GW_A, GW_B, SPI + 99, 1);	/* an SA is not */
	assert_true(tracker_unsaved(w.tracker, 0));
	watch_free(&w);
}

static void a_place_is_taken_once(void **state)
{
	struct watch w, again;
	struct images s;

	(void)state;
	watch_open(&w);
	live(&w);
	s = save(&w);
	watch_open(&again);
	assert_int_equal(restore(&again, &s), 2);
	assert_int_equal(restore(&again, &s), 0);
	tracker_resume(again.tracker, 1, w.now, w.now, false);
	tracker_check(again.tracker);
	drop(&s);
	watch_free(&again);
	watch_free(&w);
}

/* The store tells damage by a sum; the rest must not be trusted all the same. */
static void no_damage_to_an_image_breaks_a_table(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x80, 0xff };
	struct watch w;
	struct images s;

	(void)state;
	watch_open(&w);
	live(&w);
	s = save(&w);
	for (size_t at = 0; at < s.length[0]; at += 3)
		for (size_t k = 0; k < sizeof(flips); k++) {
			struct watch again;
			struct images one = { .at = { malloc(s.length[0]) },
					      .length = { s.length[0] },
					      .n = 1 };

			memcpy(one.at[0], s.at[0], s.length[0]);
			one.at[0][at] ^= flips[k];
			watch_open(&again);
			again.forgetful = true;
			restore(&again, &one);
			tracker_resume(again.tracker, 1, w.now, w.now, false);
			drop(&one);
			tracker_free(again.tracker);
			again.tracker = NULL;
			watch_free(&again);
		}
	for (size_t length = 0; length < s.length[0]; length += 7) {
		struct watch again;
		struct images one = { .at = { malloc(length + 1) }, .length = { length }, .n = 1 };

		memcpy(one.at[0], s.at[0], length);
		watch_open(&again);
		restore(&again, &one);
		tracker_resume(again.tracker, 1, w.now, w.now, false);
		drop(&one);
		watch_free(&again);
	}
	drop(&s);
	watch_free(&w);
}

/* One value each that is a number, and that none of these can have. */
static void what_no_tracker_makes_is_not_taken(void **state)
{
	struct watch w;

	(void)state;
	watch_open(&w);
	live(&w);

#define TAKEN(kind, object, change)                                                        \
	({                                                                                 \
		struct kind copy_ = *(object), *it = &copy_;                               \
		change;                                                                    \
		image_##kind##_is_sane(it);                                                \
	})
	/* with what is rare in it within reach */
#define TAKEN_ESP(change)                                                                  \
	({                                                                                 \
		struct esp_sa copy_ = *esp, *it = &copy_;                                  \
		struct esp_sa_rare rare_ = *esp->rare, *rare = &rare_;                     \
		struct esp_sa_more more_ = *tracker_esp_more(w.tracker, esp), *more = &more_; \
		copy_.rare = rare;                                                         \
		change;                                                                    \
		image_esp_sa_is_sane(it, more, esp->direction);                                  \
	})
	const struct esp_sa *esp = tracker_esp_sa(w.tracker, 0);

	assert_true(TAKEN_ESP((void)it));
	assert_false(TAKEN_ESP((it->end_reason = END_DELETED, rare->ended = NSEC_NONE)));
	assert_false(TAKEN_ESP((it->end_reason = END_CAPTURE_END, rare->ended = NSEC_NONE)));
	assert_false(TAKEN_ESP((it->end_reason = END_NONE, rare->ended = T0)));
	assert_false(TAKEN_ESP(it->next_minute = NSEC_NONE));
	assert_true(TAKEN_ESP((it->next_minute = NSEC_NONE, it->flags |= ESP_SA_UNWATCHED)));
	assert_false(TAKEN_ESP(it->packets = UINT64_MAX));
	assert_false(TAKEN_ESP(it->bytes = UINT64_MAX));
	assert_false(TAKEN_ESP(more->minute_packets = (uint32_t)it->packets + 1));
	assert_false(TAKEN_ESP(more->minute_bytes = it->bytes + 1));
	assert_false(TAKEN_ESP(rare->lost_before = UINT64_MAX / 2));
	assert_false(TAKEN_ESP(rare->packets_before = UINT64_MAX / 2));
	assert_false(TAKEN_ESP(rare->epoch = UINT32_MAX / 2));
	assert_false(TAKEN_ESP(it->grade = UINT8_MAX));

	const struct ike_sa *ike = tracker_ike_sa(w.tracker, 0);

	assert_true(TAKEN(ike_sa, ike, (void)it));
	assert_true(ike->previous[0]->requests > 0 && ike->previous[0]->responses > 0);
	assert_false(TAKEN(ike_sa, ike, it->asked[1].request_last = NSEC_NONE));
	assert_false(TAKEN(ike_sa, ike, it->asked[1].response_last = NSEC_NONE));
	assert_false(TAKEN(ike_sa, ike, (it->end_reason = END_CAPTURE_END, it->ended = NSEC_NONE)));
	assert_false(TAKEN(ike_sa, ike, it->delete_wait = INT64_C(1) << 61));
	assert_false(TAKEN(ike_sa, ike,
			   (it->established = NSEC_NONE, it->flags |= IKE_SA_AUTH_TENTATIVE)));
	assert_false(TAKEN(ike_sa, ike, it->n_offers = 1));		/* of IKEv1 */

	const struct child_sa *child = tracker_child_sa(w.tracker, 0);
	struct child_sa_more more = *child->more;

	assert_true(TAKEN(child_sa, child, it->more = &more));
	more.rekey_at = INT64_MAX;
	assert_false(TAKEN(child_sa, child, it->more = &more));
	more = *child->more;
	more.ended = NSEC_NONE;
	assert_false(TAKEN(child_sa, child,
			   (it->end_reason = END_CAPTURE_END, it->more = &more)));

	const struct tunnel *tunnel = tracker_tunnel(w.tracker, 0);

	assert_true(TAKEN(tunnel, tunnel, (void)it));
	assert_false(TAKEN(tunnel, tunnel, (it->left_out.n = 1, it->left_out.since = NSEC_NONE)));
	assert_false(TAKEN(tunnel, tunnel, (it->left_out.n = 1, it->left_out.last = NSEC_NONE)));

	struct tunnel_more unseen = *tunnel->more;

	assert_true(TAKEN(tunnel, tunnel, it->more = &unseen));
	unseen.ike[1].proven_unseen = 1;
	unseen.ike[1].unseen_since = unseen.ike[1].unseen_last = T0;
	assert_true(TAKEN(tunnel, tunnel, it->more = &unseen));
	unseen.ike[1].unseen_since = NSEC_NONE;
	assert_false(TAKEN(tunnel, tunnel, it->more = &unseen));
	unseen.ike[1].unseen_since = T0;
	unseen.ike[1].unseen_last = NSEC_NONE;
	assert_false(TAKEN(tunnel, tunnel, it->more = &unseen));
#undef TAKEN
#undef TAKEN_ESP
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tracker_that_was_restored_gives_the_same_images),
		cmocka_unit_test(images_do_not_tell_what_was_on_the_stack),
		cmocka_unit_test(restored_sas_go_on_under_their_names),
		cmocka_unit_test(a_child_sa_that_waits_for_its_spis_gets_them_after_a_restart),
		cmocka_unit_test(a_tunnel_whose_login_goes_on_after_a_restart_is_not_down),
		cmocka_unit_test(what_is_saved_says_whether_more_must_be),
		cmocka_unit_test(a_place_is_taken_once),
		cmocka_unit_test(no_damage_to_an_image_breaks_a_table),
		cmocka_unit_test(what_no_tracker_makes_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
