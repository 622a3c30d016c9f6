/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *collision(void)
{
	return collected_find(&stage->alerts, "rekey_collision");
}

/*
 * Both sides ask at once for the SA `old`; A's wins, B's never carries a packet.  Traffic goes on
 * after `silence`, and only then it is known which of the two is redundant.  Returns the new child.
 */
static uint32_t collide_silently(uint32_t ike, uint32_t old, nsec apart, nsec silence)
{
	struct exchange *a =
		stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 0, 10);
	struct exchange *b;
	struct event ev;
	uint32_t won, lost;

	*stage->ike[ike].current[0] = *a;
	stage->now += apart;
	b = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 1, 10);
	*stage->ike[ike].current[1] = *b;
	stage->now += 20 * NSEC_PER_MS;
	won = stage_child(ike, 0);
	stage->more[won].requested = a->request_at;
	stage->more[won].predecessor = old;
	lost = stage_child(ike, 1);
	stage->more[lost].requested = b->request_at;
	for (int slot = 0; slot < 2; slot++)
		*stage->ike[ike].current[slot] = (struct exchange){ 0 };
	stage_pass(silence);
	for (int d = 0; d < 2; d++) {
		stage->esp[stage->child[won].esp[d]].first =
			stage->esp[stage->child[won].esp[d]].last = stage->now;
		stage->esp[stage->child[lost].esp[d]].first =
			stage->esp[stage->child[lost].esp[d]].last = stage->now;
	}
	ev = stage_event(EVENT_CHILD_SA_REKEYED);
	ev.child_sa = won;
	ev.other = old;
	ev.side = 0;
	stage_send(ev);
	ev = stage_event(EVENT_REKEY_COLLISION);
	ev.child_sa = won;
	ev.other = lost;
	stage_send(ev);
	return won;
}

static uint32_t collide(uint32_t ike, uint32_t old, nsec apart)
{
	return collide_silently(ike, old, apart, 0);
}

static void one_is_information_two_of_the_last_ten_rekeys_a_warning(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	stage_pass(3600 * S);
	child = collide(ike, child, 5 * NSEC_PER_MS);
	assert_non_null(collision());
	assert_int_equal(collision()->record.severity, SEVERITY_INFO);
	assert_int_equal(collision()->record.confidence, CONFIDENCE_HIGH);
	stage_pass(3600 * S);
	collide(ike, child, 5 * NSEC_PER_MS);
	assert_int_equal(collision()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collision()->cause, "rekey_rekey");
	assert_non_null(strstr(collision()->summary, "because their phase 2 lifetimes coincide"));
}

/* Both sides rekey the IKE SA at once: two come out of it. */
static uint32_t collide_ike(uint32_t old, nsec apart)
{
	uint32_t made[2];
	struct event ev;

	for (int side = 0; side < 2; side++) {
		stage->ike[old].rekey[side].requested = stage->now + side * apart;
		stage->ike[old].rekey[side].at = stage->now + 2 * apart;
		stage->ike[old].rekey_by = (int8_t)side;
	}
	stage->now += 2 * apart;
	for (int side = 0; side < 2; side++) {
		made[side] = stage_ike_up(side, 2);
		ev = stage_event(EVENT_IKE_SA_REKEYED);
		ev.ike_sa = made[side];
		ev.other = old;
		ev.side = (int8_t)side;
		stage_send(ev);
	}
	ev = stage_event(EVENT_REKEY_COLLISION);
	ev.ike_sa = old;
	ev.other = made[1];
	stage_send(ev);
	return made[0];
}

static void crossing_rekeys_of_the_ike_sa_are_a_collision_of_their_own_kind(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	stage_pass(7200 * S);
	ike = collide_ike(ike, 10 * NSEC_PER_MS);
	assert_int_equal(collision()->record.severity, SEVERITY_INFO);
	assert_int_equal(collision()->record.confidence, CONFIDENCE_HIGH);
	/* child SAs are rekeyed more often: their rekeys do not make it rare */
	for (int i = 0; i < 12; i++) {
		struct event ev;

		stage_pass(600 * S);
		ev = stage_event(EVENT_CHILD_SA_REKEYED);
		ev.child_sa = child;
		ev.side = 0;
		stage_send(ev);
	}
	collide_ike(ike, 10 * NSEC_PER_MS);
	assert_int_equal(collision()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collision()->cause, "rekey_rekey");
	assert_non_null(strstr(collision()->summary, "the same IKE SA"));
	assert_non_null(strstr(collision()->summary, "because their IKE SA lifetimes coincide"));
}

/*
 * A packet a second each way until `quiet` before a collision; what the new SA carries begins
 * `silence` after it.
 */
static enum severity collision_in_a_pause(nsec quiet, nsec silence)
{
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	stage_pass(3600 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 3600, 360000);
	stage_pass(quiet);
	collide_silently(ike, child, 5 * NSEC_PER_MS, silence);
	assert_non_null(collision());
	return collision()->record.severity;
}

static void one_is_critical_when_traffic_stops_with_it(void **state)
{
	(void)state;
	assert_int_equal(collision_in_a_pause(S / 2, 7 * S), SEVERITY_CRITICAL);
	assert_non_null(strstr(collision()->summary, "traffic stopped for 7"));
}

/* One side goes on with what was replaced: this many packets after its end. */
static void on_the_dead_spi(uint32_t child, int packets)
{
	struct esp_sa *sa = &stage->esp[stage->child[child].esp[0]];

	stage_child_down(child, END_REKEYED, 0);
	stage_pass(11 * S);
	for (int i = 0; i < packets; i++) {
		struct event ev = stage_event(EVENT_ESP_AFTER_END);

		stage_pass(S);
		sa->last = stage->now;
		stage->rare[sa - stage->esp].stale_packets++;
		ev.at = stage->now;
		ev.child_sa = child;
		ev.esp_sa = stage->child[child].esp[0];
		ev.side = 0;
		stage_send(ev);
	}
	stage_pass(10 * S);
}

static void one_is_critical_when_packets_go_on_on_the_dead_spi(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	stage_pass(3600 * S);
	collide(ike, child, 5 * NSEC_PER_MS);
	on_the_dead_spi(child, 5);
	assert_int_equal(collision()->record.severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(collision()->summary, "on an SPI that no longer existed"));
}

static void which_spi_is_dead_is_a_guess_when_the_capture_misses_messages(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	stage->of_tunnel[0].ike[0].messages = 50;
	stage->of_tunnel[0].ike[0].proven_unseen = 5;
	stage_pass(3600 * S);
	collide(ike, child, 5 * NSEC_PER_MS);
	on_the_dead_spi(child, 5);
	assert_int_equal(collision()->record.severity, SEVERITY_INFO);
}

/* Vendors call a single hit at a rekey no problem, and stale_spi does not speak of it, either. */
static void a_few_late_packets_are_no_harm(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	stage_pass(3600 * S);
	collide(ike, child, 5 * NSEC_PER_MS);
	on_the_dead_spi(child, 4);
	assert_int_equal(collision()->record.severity, SEVERITY_INFO);
}

static void what_had_paused_before_both_asked_is_the_senders_pause(void **state)
{
	(void)state;
	assert_int_equal(collision_in_a_pause(30 * S, 7 * S), SEVERITY_INFO);
}

static void a_short_pause_after_one_is_no_gap(void **state)
{
	(void)state;
	assert_int_equal(collision_in_a_pause(S / 2, 2 * S), SEVERITY_INFO);
}

/* Nobody deleted the redundant SAs: both ends renew all that is left of them in one go. */
static void the_age_is_not_that_of_what_was_made_in_the_same_go(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	for (int i = 0; i < 2; i++) {
		stage_pass(1700 * S);
		for (int k = 0; k < 3; k++)
			child = collide(ike, child, 5 * NSEC_PER_MS);
	}
	detect_flush(stage->detect, stage);
	assert_int_equal(collected_number(collision(), "collisions"), 6);
	assert_non_null(strstr(collision()->summary, "both asked at an age of 28 min 20 s"));
	assert_int_equal(collected_number(collision(), "at_equal_ages"), 2);
}

static void staggered_lifetimes_are_not_said_to_coincide(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	for (int i = 0; i < 2; i++) {
		stage_pass(20 * S);
		child = collide(ike, child, 2 * S);
	}
	assert_null(strstr(collision()->summary, "coincide"));
}

static void a_collision_long_ago_does_not_make_the_next_one_a_warning(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	child = collide(ike, child, 5 * NSEC_PER_MS);
	for (int i = 0; i < 12; i++) {
		struct event ev;

		stage_pass(600 * S);
		ev = stage_event(EVENT_CHILD_SA_REKEYED);
		ev.child_sa = child;
		ev.side = 0;
		stage_send(ev);
	}
	collide(ike, child, 5 * NSEC_PER_MS);
	assert_int_equal(collision()->record.severity, SEVERITY_INFO);
}

static void crossing_requests_for_two_different_sas_are_no_collision(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);
	struct exchange *a = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD,
					   0, 10),
			*b;

	*stage->ike[ike].current[0] = *a;
	b = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 1, 10);
	stage_answer(a);
	stage_answer(b);
	stage_child(ike, 0);
	stage_child(ike, 1);
	stage_pass(120 * S);
	assert_null(collision());
}

static void a_crossing_request_that_is_refused_is_one(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);
	struct exchange *a = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD,
					   0, 10),
			*b;
	struct event ev;

	*stage->ike[ike].current[0] = *a;
	b = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 1, 10);
	ev = stage_event(EVENT_CHILD_REFUSED);
	ev.ike_sa = ike;
	ev.exchange = b;
	ev.side = 0;
	stage_send(ev);
	assert_non_null(collision());
	assert_int_equal(collision()->record.confidence, CONFIDENCE_MEDIUM);
	assert_non_null(strstr(collision()->summary, "one request was refused"));
}

/* Again and again, and every time both asked when the SA was 59 min old. */
static void that_both_asked_at_one_age_is_told_when_one_request_was_refused(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0);

	for (int i = 0; i < 2; i++) {
		stage_pass(3540 * S);
		nsec asked = stage->now;
		struct exchange *a = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA,
						   PURPOSE_REKEY_CHILD, 0, 10),
				*b;
		struct event ev;

		*stage->ike[ike].current[0] = *a;
		b = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 1, 10);
		ev = stage_event(EVENT_CHILD_REFUSED);
		ev.ike_sa = ike;
		ev.exchange = b;
		ev.side = 0;
		stage_send(ev);
		stage->now += 20 * NSEC_PER_MS;
		uint32_t made = stage_child(ike, 0);

		stage->more[made].requested = asked;
		ev = stage_event(EVENT_CHILD_SA_REKEYED);
		ev.child_sa = made;
		ev.other = old;
		ev.side = 0;
		stage_send(ev);
		old = made;
	}
	stage_pass(60 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(strstr(collision()->summary, "because their phase 2 lifetimes coincide "
						     "(both asked at an age of 59 min 00 s)"));
	assert_int_equal((int)collected_number(collision(), "at_equal_ages"), 2);
}

/* N(REKEY_SA) first on the one side, SA first on the other; and A's is refused. */
static void crossing_for_two_kinds(uint32_t ike)
{
	struct exchange *a = stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD,
					   0, 10);
	struct event ev;

	a->request_np1 = IKE2_PAYLOAD_NOTIFY;
	struct exchange first = *a;
	struct exchange b = first;

	b.request_np1 = IKE2_PAYLOAD_SA;
	b.from = 1;
	b.request_at = stage->now;
	*stage->ike[ike].current[0] = first;
	ev = stage_event(EVENT_REQUEST);
	ev.ike_sa = ike;
	ev.exchange = &b;
	ev.side = 1;
	stage_send(ev);
	ev = stage_event(EVENT_CHILD_REFUSED);
	ev.ike_sa = ike;
	ev.exchange = &first;
	ev.side = 1;
	stage_send(ev);
}

static void a_child_sa_and_the_ike_sa_rekeyed_at_once_are_not_the_same_sa(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	crossing_for_two_kinds(ike);
	stage_pass(120 * S);
	assert_null(collision());
}

static void what_began_with_sa_and_made_a_child_sa_was_for_the_same(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0), made;
	struct event ev;

	stage_pass(3600 * S);
	nsec asked = stage->now;

	crossing_for_two_kinds(ike);
	stage->now += 20 * NSEC_PER_MS;
	made = stage_child(ike, 1);
	stage->more[made].requested = asked;
	ev = stage_event(EVENT_CHILD_SA_REKEYED);
	ev.child_sa = made;
	ev.other = old;
	ev.side = 1;
	stage_send(ev);
	stage_pass(120 * S);
	assert_non_null(collision());
	assert_int_equal(collision()->record.confidence, CONFIDENCE_MEDIUM);
}

/* A Delete from this side, told with its first payload known. */
static void request_delete(uint32_t ike, const struct exchange *like, int8_t from)
{
	struct exchange x = *like;
	struct event ev = stage_event(EVENT_REQUEST);

	x.id++;
	x.type = IKE2_EXCHANGE_INFORMATIONAL;
	x.request_np1 = IKE2_PAYLOAD_DELETE;
	x.from = from;
	x.request_at = stage->now;
	ev.ike_sa = ike;
	ev.exchange = &x;
	ev.side = from;
	stage_send(ev);
}

static void a_delete_right_after_its_own_answer_crosses_the_rekey(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);
	struct exchange *a =
		stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 0, 10);

	stage->now += 20 * NSEC_PER_MS;
	stage_answer(a);
	*stage->ike[ike].current[0] = *a;
	stage->now += 1 * NSEC_PER_MS;
	request_delete(ike, a, 1);
	stage_pass(20 * S);
	assert_non_null(collision());
	assert_string_equal(collision()->cause, "rekey_delete");
}

static void the_initiators_delete_after_its_rekey_is_as_it_should_be(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);
	struct exchange *a =
		stage_request(ike, IKE2_EXCHANGE_CREATE_CHILD_SA, PURPOSE_REKEY_CHILD, 0, 10);

	stage_answer(a);
	*stage->ike[ike].current[0] = *a;
	request_delete(ike, a, 0);
	stage_pass(20 * S);
	assert_null(collision());
}

static void where_answers_are_not_captured_requests_do_not_prove_to_cross(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

	stage->tunnel[0].one_sided[1] = true;
	for (int i = 0; i < 3; i++) {
		stage_pass(3600 * S);
		child = collide(ike, child, 300 * NSEC_PER_MS);
	}
	assert_null(collision());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(one_is_information_two_of_the_last_ten_rekeys_a_warning),
		ON_STAGE(crossing_rekeys_of_the_ike_sa_are_a_collision_of_their_own_kind),
		ON_STAGE(one_is_critical_when_traffic_stops_with_it),
		ON_STAGE(one_is_critical_when_packets_go_on_on_the_dead_spi),
		ON_STAGE(which_spi_is_dead_is_a_guess_when_the_capture_misses_messages),
		ON_STAGE(a_few_late_packets_are_no_harm),
		ON_STAGE(what_had_paused_before_both_asked_is_the_senders_pause),
		ON_STAGE(a_short_pause_after_one_is_no_gap),
		ON_STAGE(the_age_is_not_that_of_what_was_made_in_the_same_go),
		ON_STAGE(staggered_lifetimes_are_not_said_to_coincide),
		ON_STAGE(a_collision_long_ago_does_not_make_the_next_one_a_warning),
		ON_STAGE(crossing_requests_for_two_different_sas_are_no_collision),
		ON_STAGE(a_crossing_request_that_is_refused_is_one),
		ON_STAGE(that_both_asked_at_one_age_is_told_when_one_request_was_refused),
		ON_STAGE(a_child_sa_and_the_ike_sa_rekeyed_at_once_are_not_the_same_sa),
		ON_STAGE(what_began_with_sa_and_made_a_child_sa_was_for_the_same),
		ON_STAGE(a_delete_right_after_its_own_answer_crosses_the_rekey),
		ON_STAGE(where_answers_are_not_captured_requests_do_not_prove_to_cross),
		ON_STAGE(the_initiators_delete_after_its_rekey_is_as_it_should_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
