/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *flap(void)
{
	return collected_find(&stage->alerts, "ike_flap");
}

/* A tunnel that is built, lives `age` and is deleted by `by`; then `pause`. */
static void session(nsec age, int by, nsec pause)
{
	uint32_t ike = stage_ike_up(0, 2);

	stage_pass(age);
	stage_ike_down(ike, END_DELETED, by);
	stage_pass(pause);
}

static void three_set_ups_in_a_quarter_of_an_hour_are_a_warning(void **state)
{
	(void)state;
	session(200 * S, 1, 10 * S);
	session(200 * S, 1, 10 * S);
	assert_null(flap());
	session(200 * S, 1, 10 * S);
	assert_non_null(flap());
	assert_int_equal(flap()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(flap(), "latest_ended_by"), "203.0.113.1");
	assert_int_equal(detect_tunnel_state(stage->detect, stage, 0, NULL), TUNNEL_FLAPPING);
}

/* Who fell silent ended nothing. */
static void a_lost_peer_is_not_said_to_have_ended_it(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		stage_pass(200 * S);
		stage_ike_down(ike, END_PEER_LOST, 1);
		stage_pass(10 * S);
	}
	assert_non_null(flap());
	assert_null(strstr(flap()->summary, "ended the latest"));
}

static void five_in_five_minutes_are_critical(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++)
		session(40 * S, 0, 5 * S);
	assert_int_equal(flap()->record.severity, SEVERITY_CRITICAL);
}

/*
 * The end of an SA is often known only when its successor is there: a Delete says in clear that it
 * is one to nobody.
 */
static void an_end_that_is_known_late_counts_its_successor_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		if (i > 0) {
			stage->ike[ike - 1].ended = stage->now - 3 * S;
			stage->ike[ike - 1].end_reason = END_DELETED;
			stage->ike[ike - 1].ended_by = 0;
			stage_ike_event(EVENT_IKE_SA_ENDED, ike - 1, 0);
		}
		stage_pass(12 * S);
	}
	assert_non_null(flap());
	assert_int_equal(flap()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal((int)collected_number(flap(), "set_ups"), 5);
	assert_int_equal((int)collected_number(flap(), "span_s"), 48);
}

/*
 * What replaces an SA of ten seconds is no reauthentication, whenever that one goes: it need not be
 * waited for.
 */
/* As above: the Delete came two seconds before the next one, and what it meant is told after it. */
static void sessions_of_minutes_that_break_before_the_next_are_no_reauthentication(void **state)
{
	(void)state;
	static const int ages[] = { 323, 419, 408 };
	uint32_t old = stage_ike_up(0, 2);

	for (size_t i = 0; i < 3; i++) {
		stage_pass(ages[i] * S);

		nsec deleted = stage->now;
		uint32_t new;

		stage_pass(2 * S);
		new = stage_ike_up(0, 2);
		stage->ike[old].ended = deleted;
		stage->ike[old].end_reason = END_DELETED;
		stage->ike[old].ended_by = 0;
		stage_ike_event(EVENT_IKE_SA_ENDED, old, 0);
		old = new;
	}
	assert_non_null(flap());
	assert_int_equal(flap()->record.severity, SEVERITY_WARNING);
}

static void a_set_up_beside_a_young_ike_sa_counts_at_once(void **state)
{
	(void)state;
	uint32_t old = stage_ike_up(0, 2);

	for (int i = 0; i < 4; i++) {
		uint32_t new;

		stage_pass(10 * S);
		new = stage_ike_up(0, 2);
		stage_pass(1 * S);
		if (i < 3)
			stage_ike_down(old, END_SUPERSEDED, 0);
		old = new;
	}
	assert_non_null(flap());
	assert_int_equal((int)collected_number(flap(), "set_ups"), 5);
	assert_int_equal(flap()->record.severity, SEVERITY_CRITICAL);
}

static void a_session_every_ten_minutes_is_slow_enough(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		session(590 * S, 0, 10 * S);
	assert_null(flap());
}

static void rekeyed_ike_sas_are_not_set_ups(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		uint32_t ike = stage_ike(0, 2);

		stage->ike[ike].origin = ORIGIN_REKEY;
		stage->ike[ike].established = stage->now;
		stage_ike_event(EVENT_IKE_SA_ESTABLISHED, ike, 0);
		stage_pass(30 * S);
		stage_ike_down(ike, END_REKEYED, 0);
	}
	assert_null(flap());
}

static void reauthentication_without_a_gap_is_meant_so(void **state)
{
	(void)state;
	uint32_t old = stage_ike_up(0, 2);

	for (int i = 0; i < 6; i++) {
		uint32_t new;

		stage_pass(310 * S);
		new = stage_ike_up(0, 2);
		stage_pass(1 * S);
		stage_ike_down(old, END_SUPERSEDED, 0);
		old = new;
	}
	stage_pass(60 * S);
	assert_null(flap());
}

static void the_same_every_minute_is_flapping_all_the_same(void **state)
{
	(void)state;
	uint32_t old = stage_ike_up(0, 2);

	for (int i = 0; i < 6; i++) {
		uint32_t new;

		stage_pass(60 * S);
		new = stage_ike_up(0, 2);
		stage_pass(1 * S);
		stage_ike_down(old, END_SUPERSEDED, 0);
		old = new;
	}
	stage_pass(60 * S);
	assert_non_null(flap());
}

static void several_tunnels_that_come_up_together_and_stay_are_no_flapping(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		stage_ike_up(0, 2);
		stage_pass(1 * S);
	}
	stage_pass(300 * S);
	assert_null(flap());
}

/* The responder keeps all of them, and nobody ends one where it can be seen. */
static void set_ups_that_nobody_uses_before_the_next_are_flapping(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		stage_ike_up(0, 2);
		stage_pass(20 * S);
	}
	assert_non_null(flap());
	assert_int_equal(flap()->record.severity, SEVERITY_CRITICAL);
	assert_non_null(strstr(flap()->summary, "given up without ever being used"));
	assert_null(strstr(flap()->summary, "ended the latest"));
	assert_int_equal(detect_tunnel_state(stage->detect, stage, 0, NULL), TUNNEL_FLAPPING);
}

/* One direction of a login that is refused each time: what came of it cannot be seen. */
static void of_set_ups_of_which_one_side_is_unseen_nobody_knows_the_use(void **state)
{
	(void)state;
	stage->tunnel[0].one_sided[1] = true;
	for (int i = 0; i < 5; i++) {
		stage_ike_up(0, 2);
		stage_pass(40 * S);
	}
	assert_null(flap());
}

static void of_one_it_speaks_in_the_singular(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		uint32_t ike = stage_ike_up(0, 2);

		stage_pass(40 * S);
		if (i != 1)
			stage_ike_down(ike, END_DELETED, 1);
		stage_pass(S);
	}
	assert_non_null(strstr(flap()->summary, "; 1 of them was given up without"));
}

static void a_login_that_was_repeated_though_answered_need_not_be_waited_for(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		uint32_t ike = stage_ike_up(0, 2);
		struct exchange *x = stage_request(ike, IKE2_EXCHANGE_IKE_AUTH, PURPOSE_IKE_AUTH,
						   0, 1);

		stage_answer(x);
		stage_pass(4 * S);
		stage_copy(x);
		*stage->ike[ike].current[0] = *x;
		stage_pass(6 * S);
	}
	assert_non_null(flap());
	assert_int_equal(flap()->record.severity, SEVERITY_WARNING);
	assert_int_equal((int)collected_number(flap(), "never_used"), 2);
}

/* IKEv1: each set-up makes the child SA anew, and nobody deletes the old IKE SA. */
static void set_ups_whose_traffic_the_next_takes_over_are_flapping(void **state)
{
	(void)state;
	uint32_t old = NO_INDEX;

	for (int i = 0; i < 5; i++) {
		uint32_t child = stage_child_how(stage_ike_up(0, 1), 0, CREATED_QUICK_MODE);

		if (old != NO_INDEX) {
			stage->more[old].successor = child;
			stage->more[child].predecessor = old;
			stage_child_down(old, END_REKEYED, 0);
		}
		old = child;
		stage_pass(12 * S);
	}
	assert_non_null(flap());
	assert_int_equal(flap()->record.severity, SEVERITY_CRITICAL);
	/* the fifth has its child SA only after it is up */
	assert_int_equal((int)collected_number(flap(), "replaced_by_the_next"), 3);
}

static void several_tunnels_that_are_used_are_no_flapping(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		stage_child(stage_ike_up(0, 2), 0);
		stage_pass(20 * S);
	}
	stage_pass(60 * S);
	assert_null(flap());
}

/* As policies make them: the others' child SAs are not forgotten for that. */
static void nor_when_one_of_them_has_hundreds_of_child_sas(void **state)
{
	(void)state;
	uint32_t ike = NO_INDEX;

	for (int i = 0; i < 6; i++) {
		ike = stage_ike_up(0, 2);
		stage_child(ike, 0);
		stage_pass(20 * S);
	}
	for (int i = 0; i < 300; i++)
		stage_child(ike, 0);
	stage_pass(60 * S);
	assert_null(flap());
}

/* After a rekey another IKE SA holds what the first one made. */
static void nor_when_they_were_rekeyed(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		uint32_t old = stage_ike_up(0, 2), new;

		stage_child(old, 0);
		stage_pass(10 * S);
		new = stage_ike(0, 2);
		stage->ike[new].origin = ORIGIN_REKEY;
		stage->ike[new].children = stage->ike[old].children;
		stage->ike[old].children = NO_INDEX;
		stage->ike[old].successor = new;
		stage_pass(10 * S);
	}
	stage_pass(60 * S);
	assert_null(flap());
}

static void nor_when_their_child_sas_are_not_known(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		stage_ike_up(0, 2);
		stage_esp(0);
		stage_pass(20 * S);
	}
	stage_pass(60 * S);
	assert_null(flap());
}

static void nor_tunnels_without_traffic_whose_probes_are_answered(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		uint32_t ike = stage_ike_up(0, 2);
		struct exchange *x;

		stage_pass(10 * S);
		x = stage_request(ike, IKE2_EXCHANGE_INFORMATIONAL, PURPOSE_DPD, 0, 2);
		stage_answer(x);
		*stage->ike[ike].current[0] = *x;
		stage_pass(10 * S);
	}
	stage_pass(60 * S);
	assert_null(flap());
}

static void quick_mode_asked_in_vain_is_told(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		uint32_t ike = stage_ike_up(0, 1);

		*stage->ike[ike].current[0] =
			*stage_request(ike, IKE1_EXCHANGE_QUICK_MODE, PURPOSE_QUICK_MODE, 0, 1);
		stage_pass(30 * S);
	}
	assert_non_null(flap());
	assert_non_null(strstr(flap()->summary, "no child SA came up"));
}

/* XAUTH: the responder asks for name and password; when they are wrong, nothing comes after. */
static void logins_of_ikev1_that_come_to_nothing_are_flapping(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		uint32_t ike = stage_ike_up(0, 1);
		struct exchange *x = stage_request(ike, IKE1_EXCHANGE_TRANSACTION,
						   PURPOSE_TRANSACTION, 1, 1);

		stage_answer(x);
		*stage->ike[ike].current[1] = *x;
		stage_pass(60 * S);
	}
	assert_non_null(flap());
	assert_null(collected_find(&stage->alerts, "ike_sa_limit_loop"));
}

static void the_churn_of_a_flapping_tunnel_is_its_symptom(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);
	const struct collected_alert *churn;

	for (int i = 0; i < 6; i++) {
		session(40 * S, 0, 5 * S);
		stage_esp_packets(esp, 100, 100);
		esp = stage_esp_replace(esp);
	}
	churn = collected_find(&stage->alerts, "spi_churn");
	assert_non_null(churn);
	assert_string_equal(churn->cause, "ike_flap");
	assert_int_equal(churn->record.incident, flap()->record.id);
	assert_int_equal(flap()->record.incident, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(three_set_ups_in_a_quarter_of_an_hour_are_a_warning),
		ON_STAGE(a_lost_peer_is_not_said_to_have_ended_it),
		ON_STAGE(five_in_five_minutes_are_critical),
		ON_STAGE(an_end_that_is_known_late_counts_its_successor_at_once),
		ON_STAGE(sessions_of_minutes_that_break_before_the_next_are_no_reauthentication),
		ON_STAGE(a_set_up_beside_a_young_ike_sa_counts_at_once),
		ON_STAGE(a_session_every_ten_minutes_is_slow_enough),
		ON_STAGE(rekeyed_ike_sas_are_not_set_ups),
		ON_STAGE(reauthentication_without_a_gap_is_meant_so),
		ON_STAGE(the_same_every_minute_is_flapping_all_the_same),
		ON_STAGE(several_tunnels_that_come_up_together_and_stay_are_no_flapping),
		ON_STAGE(set_ups_that_nobody_uses_before_the_next_are_flapping),
		ON_STAGE(of_set_ups_of_which_one_side_is_unseen_nobody_knows_the_use),
		ON_STAGE(of_one_it_speaks_in_the_singular),
		ON_STAGE(a_login_that_was_repeated_though_answered_need_not_be_waited_for),
		ON_STAGE(set_ups_whose_traffic_the_next_takes_over_are_flapping),
		ON_STAGE(several_tunnels_that_are_used_are_no_flapping),
		ON_STAGE(nor_when_one_of_them_has_hundreds_of_child_sas),
		ON_STAGE(nor_when_they_were_rekeyed),
		ON_STAGE(nor_when_their_child_sas_are_not_known),
		ON_STAGE(nor_tunnels_without_traffic_whose_probes_are_answered),
		ON_STAGE(quick_mode_asked_in_vain_is_told),
		ON_STAGE(logins_of_ikev1_that_come_to_nothing_are_flapping),
		ON_STAGE(the_churn_of_a_flapping_tunnel_is_its_symptom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
