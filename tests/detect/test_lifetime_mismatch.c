/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *mismatch(void)
{
	return collected_find(&stage->alerts, "lifetime_mismatch");
}

/*
 * A child that lives `age`, one packet a second, and is ended by `by`; then `pause` and it all
 * begins again.
 */
static void life(uint32_t ike, nsec age, int by, nsec quiet_before_end, nsec pause)
{
	uint32_t child = stage_child(ike, 0);

	stage_pass(age - quiet_before_end);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d],
				  (uint64_t)((age - quiet_before_end) / S), 100);
	stage_pass(quiet_before_end);
	stage_child_down(child, END_DELETED, by);
	stage_pass(pause);
}

static void two_early_ends_by_one_side_at_one_age_are_inferred(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	life(ike, 3600 * S, 1, 0, 1 * S);
	assert_null(mismatch());
	life(ike, 3605 * S, 1, 0, 1 * S);
	stage_pass(30 * S);
	assert_non_null(mismatch());
	assert_string_equal(mismatch()->cause, "inferred");
	assert_int_equal(mismatch()->record.confidence, CONFIDENCE_MEDIUM);
	assert_int_equal(mismatch()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(mismatch(), "ended_by"), "203.0.113.1");
}

/* Three selectors, made together: cleared by hand, or one end of one lifetime. */
static void three_at_one_time(uint32_t ike)
{
	uint32_t child[3];

	for (int i = 0; i < 3; i++)
		child[i] = stage_child(ike, 0);
	stage_pass(3000 * S);
	for (int i = 0; i < 3; i++)
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child[i]].esp[d], 3000, 100);
	for (int i = 0; i < 3; i++) {
		stage_child_down(child[i], END_DELETED, 1);
		stage_pass(S / 10);
	}
	stage_pass(60 * S);
}

static void those_that_end_together_end_once(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	three_at_one_time(ike);
	assert_null(mismatch());
	three_at_one_time(ike);
	assert_non_null(mismatch());
	assert_string_equal(mismatch()->cause, "inferred");
	assert_int_equal(mismatch()->record.count, 2);
	assert_int_equal(mismatch()->record.confidence, CONFIDENCE_MEDIUM);
}

static void four_of_them_are_certain(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 4; i++)
		life(ike, 3600 * S, 1, 0, 1 * S);
	stage_pass(30 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(mismatch()->record.confidence, CONFIDENCE_HIGH);
}

static void a_gap_in_the_traffic_makes_it_critical(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 3; i++)
		life(ike, 3600 * S, 1, 0, 12 * S);
	stage_pass(30 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(mismatch()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(collected_number(mismatch(), "longest_gap_s"), 12);
}

/* More than are kept; each stopped traffic for twelve seconds. */
static void all_of_a_long_row_are_counted(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 20; i++)
		life(ike, 3600 * S, 1, 0, 12 * S);
	stage_pass(60 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(mismatch()->record.count, 20);
	assert_int_equal(collected_number(mismatch(), "ends"), 20);
	assert_int_equal(collected_number(mismatch(), "traffic_gaps"), 19);	/* one lasts */
	assert_non_null(strstr(mismatch()->summary, "(20 times)"));
}

static void but_not_those_of_a_row_that_was_over(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 10; i++)
		life(ike, 1800 * S, 1, 0, 12 * S);
	for (int i = 0; i < 9; i++)
		life(ike, 3600 * S, 1, 0, 12 * S);	/* its lifetime is another one now */
	stage_pass(60 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(collected_number(mismatch(), "ends"), 9);
	assert_int_equal(collected_number(mismatch(), "age_at_end_s"), 3600);
}

static void ends_at_scattered_ages_are_somebodys_hand(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	life(ike, 3600 * S, 1, 0, 1 * S);
	life(ike, 1900 * S, 1, 0, 1 * S);
	life(ike, 700 * S, 1, 0, 1 * S);
	stage_pass(30 * S);
	assert_null(mismatch());
}

static void idle_sas_may_be_ended_at_will(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 4; i++)
		life(ike, 3600 * S, 1, 200 * S, 1 * S);
	assert_null(mismatch());
}

static void when_the_ike_sa_goes_too_it_is_a_session_and_no_lifetime(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		life(ike, 3600 * S, 1, 0, 1 * S);
		stage_ike_down(ike, END_DELETED, 1);
	}
	stage_pass(30 * S);
	assert_null(mismatch());
}

/* As the tracker tells a Delete of the IKE SA: itself first, then what hung on it. */
static void a_child_that_goes_with_its_ike_sa_was_not_ended_by_its_lifetime(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t ike = stage_ike_up(0, 2), child = stage_child(ike, 0);

		stage_pass(3600 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 3600, 100);
		stage_ike_down(ike, END_DELETED, 1);
		stage_child_down(child, END_DELETED, 1);
		stage_pass(60 * S);
	}
	stage_pass(30 * S);
	assert_null(mismatch());
}

static void a_side_that_always_rekeys_first_is_no_fault(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0);

	for (int i = 0; i < 10; i++) {
		uint32_t new;
		struct event ev;

		stage_pass(3300 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[old].esp[d], 3300, 100);
		new = stage_child(ike, 0);
		stage->more[old].rekeyed_by = 0;
		stage->more[old].rekey_at = stage->now;
		stage->more[old].successor = new;
		ev = stage_event(EVENT_CHILD_SA_REKEYED);
		ev.child_sa = new;
		ev.other = old;
		ev.side = 0;
		stage_send(ev);
		stage_child_down(old, END_REKEYED, 0);
		old = new;
	}
	assert_null(mismatch());
}

static void rekeys_that_fail_in_good_time_are_no_mismatch(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 4; i++) {
		uint32_t child = stage_child(ike, 0);

		stage_pass(3300 * S);
		stage_refusal(ike, 0, IKE2_PAYLOAD_NOTIFY);
		stage_pass(300 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 3600, 100);
		stage_child_down(child, END_DELETED, 1);
		stage_pass(12 * S);
	}
	stage_pass(30 * S);
	assert_null(mismatch());
}

static void crossing_deletes_have_no_single_author(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 4; i++) {
		uint32_t child = stage_child(ike, 0);

		stage_pass(3600 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 3600, 100);
		stage_send(stage_event(EVENT_DELETE_COLLISION));
		stage_child_down(child, END_DELETED, 1);
		stage_pass(12 * S);
	}
	stage_pass(30 * S);
	assert_null(mismatch());
}

static void an_sa_that_appears_without_an_exchange_may_be_the_successor(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	for (int i = 0; i < 4; i++) {
		uint32_t child = stage_child_how(ike, 0, CREATED_UNKNOWN);

		stage_pass(3600 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 3600, 100);
		stage_child_down(child, END_DELETED, 1);
	}
	stage_pass(30 * S);
	assert_null(mismatch());
}

/*
 * B stops sending on `old` at this age, A half a minute later, when B has a new one made, on which
 * both send at once.  Returns that.
 */
static uint32_t runs_out_at_b(uint32_t old, nsec age, uint16_t flags)
{
	struct child_sa *c = &stage->child[old];
	uint32_t new;

	stage_until(c->created + age);
	stage_esp_packets(c->esp[1], (uint64_t)(2 * age / S), 1000);
	stage->esp[c->esp[1]].last_frame = ++stage->frame;
	stage_pass(30 * S);
	stage_esp_packets(c->esp[0], (uint64_t)(2 * (age / S + 30)), 1000);
	new = stage_child(c->ike_sa, 1);
	stage->child[new].flags |= flags;

	struct event ev = stage_event(EVENT_CHILD_SA_REKEYED);

	stage->more[old].rekeyed_by = 1;
	stage->more[old].rekey_at = stage->now;
	stage->more[old].successor = new;
	stage->more[new].predecessor = old;
	ev.child_sa = new;
	ev.other = old;
	stage_send(ev);
	stage_child_down(old, END_REKEYED, 1);
	return new;
}

static void an_sa_that_one_side_gives_up_without_a_word_at_a_configured_age_is_an_early_end(
	void **state)
{
	(void)state;
	uint32_t second = runs_out_at_b(stage_child(stage_ike_up(0, 2), 0), 3600 * S - S / 2, 0);

	stage_pass(S);
	assert_null(mismatch());
	runs_out_at_b(second, 3600 * S - S / 2, 0);
	stage_pass(60 * S);
	assert_non_null(mismatch());
	assert_int_equal(mismatch()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(mismatch()->record.confidence, CONFIDENCE_MEDIUM);
	assert_int_equal(collected_number(mismatch(), "without_a_delete"), 2);
	assert_string_equal(collected_text(mismatch(), "ended_by"), "203.0.113.1");
	assert_int_equal(mismatch()->record.n_frames, 2);	/* where it was heard last */
	assert_non_null(strstr(mismatch()->summary, "without a word"));
}

static void a_pause_of_one_side_before_its_rekey_is_no_end(void **state)
{
	(void)state;
	uint32_t second = runs_out_at_b(stage_child(stage_ike_up(0, 2), 0), 3230 * S, 0);

	runs_out_at_b(second, 3230 * S, 0);
	stage_pass(60 * S);
	assert_null(mismatch());
}

static void who_says_that_the_new_sa_replaces_one_has_not_given_it_up(void **state)
{
	(void)state;
	uint32_t second = runs_out_at_b(stage_child(stage_ike_up(0, 2), 0), 3600 * S,
					CHILD_SA_REKEY_EXPECTED);

	runs_out_at_b(second, 3600 * S, CHILD_SA_REKEY_EXPECTED);
	stage_pass(60 * S);
	assert_null(mismatch());
}

/*
 * The peer of the side that ends one selector's SAs early renews the other's, before and after that
 * age.
 */
/*
 * IKEv1: side 0 ends SAs at 3600 s; a Quick Mode made another `before` it, and 10 s before that, or
 * not, another selector's ended.
 */
static void quick_mode_beside(nsec before, bool follows)
{
	uint32_t ike = stage_ike_up(0, 1), old = stage_child_how(ike, 0, CREATED_QUICK_MODE);

	for (int i = 0; i < 4; i++) {
		uint32_t new, other = follows ? stage_child_how(ike, 0, CREATED_QUICK_MODE) : 0;

		stage_until(stage->child[old].created + 3600 * S - before - 5 * S);
		if (follows)
			stage_child_down(other, END_DELETED, 0);
		stage_pass(5 * S);
		new = stage_child_how(ike, 1, CREATED_QUICK_MODE);
		stage_pass(before);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[old].esp[d], 3600, 100000);
		stage_child_down(old, END_DELETED, 0);
		old = new;
	}
	stage_pass(60 * S);
}

static void what_a_quick_mode_renewed_shortly_before_its_end_ended_in_time(void **state)
{
	(void)state;
	quick_mode_beside(30 * S, false);
	assert_null(mismatch());
}

static void unless_that_was_for_another_that_had_ended(void **state)
{
	(void)state;
	quick_mode_beside(30 * S, true);
	assert_non_null(mismatch());
}

static void rekeys_of_another_selector_disprove_nothing(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), other = stage_child(ike, 0);

	stage_pass(100 * S);
	for (int i = 0; i < 4; i++) {
		uint32_t child = stage_child(ike, 0);

		stage_pass((i == 0 ? 3000 : 3300) * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[other].esp[d], 3000, 100);
		other = stage_child_rekey(other, 0);
		stage_until(stage->child[child].created + 3600 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 3600, 100);
		stage_child_down(child, END_DELETED, 1);
		stage_pass(4 * S);
	}
	stage_pass(60 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(mismatch());
	assert_int_equal(collected_number(mismatch(), "ends"), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(two_early_ends_by_one_side_at_one_age_are_inferred),
		ON_STAGE(those_that_end_together_end_once),
		ON_STAGE(four_of_them_are_certain),
		ON_STAGE(a_gap_in_the_traffic_makes_it_critical),
		ON_STAGE(all_of_a_long_row_are_counted),
		ON_STAGE(but_not_those_of_a_row_that_was_over),
		ON_STAGE(ends_at_scattered_ages_are_somebodys_hand),
		ON_STAGE(idle_sas_may_be_ended_at_will),
		ON_STAGE(when_the_ike_sa_goes_too_it_is_a_session_and_no_lifetime),
		ON_STAGE(a_child_that_goes_with_its_ike_sa_was_not_ended_by_its_lifetime),
		ON_STAGE(rekeys_that_fail_in_good_time_are_no_mismatch),
		ON_STAGE(crossing_deletes_have_no_single_author),
		ON_STAGE(an_sa_that_appears_without_an_exchange_may_be_the_successor),
		ON_STAGE(a_side_that_always_rekeys_first_is_no_fault),
		ON_STAGE(what_a_quick_mode_renewed_shortly_before_its_end_ended_in_time),
		ON_STAGE(unless_that_was_for_another_that_had_ended),
		ON_STAGE(rekeys_of_another_selector_disprove_nothing),
		ON_STAGE(
		an_sa_that_one_side_gives_up_without_a_word_at_a_configured_age_is_an_early_end),
		ON_STAGE(a_pause_of_one_side_before_its_rekey_is_no_end),
		ON_STAGE(who_says_that_the_new_sa_replaces_one_has_not_given_it_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
