/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *stale(void)
{
	return collected_find(&stage->alerts, "stale_spi");
}

/* The child ends now; then `n` packets on its SA of direction 0, one every `pace`. */
static void go_on(uint32_t child, int n, nsec pace)
{
	uint32_t esp = stage->child[child].esp[0];

	for (int i = 0; i < n; i++) {
		struct event ev;

		stage_pass(pace);
		stage_esp_packets(esp, 1, 100);
		if (stage->now - stage->rare[esp].ended <= stage->settings.overlap_budget)
			continue;
		ev = stage_event(EVENT_ESP_AFTER_END);
		ev.esp_sa = esp;
		ev.child_sa = child;
		ev.side = 0;
		stage_send(ev);
	}
	stage_pass(10 * S);
}

static uint32_t ended_child(enum grade grade)
{
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	stage_pass(600 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 600, 60000);
	stage_child_down(child, END_DELETED, 1);
	for (int d = 0; d < 2; d++)
		stage->esp[stage->child[child].esp[d]].grade = (uint8_t)grade;
	return child;
}

static void packets_on_a_deleted_sa_go_into_a_black_hole(void **state)
{
	(void)state;
	go_on(ended_child(GRADE_DERIVED), 30, 1 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(stale());
	/* nothing else is sent that way */
	assert_int_equal(stale()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(stale()->record.confidence, CONFIDENCE_HIGH);
	assert_string_equal(stale()->cause, "deleted");
	assert_string_equal(collected_text(stale(), "sender"), "192.0.2.1");
	assert_non_null(strstr(stale()->summary, "192.0.2.1 still encrypts with SPI c0000000"));
}

static void beside_a_living_sa_it_is_a_warning_until_a_minute_has_passed(void **state)
{
	(void)state;
	uint32_t child = ended_child(GRADE_DERIVED), other = stage_esp(0);

	for (int i = 0; i < 20; i++) {
		stage_esp_packets(other, 1, 100);
		go_on(child, 1, 1 * S);
		stage->now -= 10 * S;
	}
	stage_pass(10 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(stale()->record.severity, SEVERITY_WARNING);
}

static void a_few_late_packets_at_a_rekey_are_normal(void **state)
{
	(void)state;
	/* four of them after the budget of ten seconds */
	go_on(ended_child(GRADE_DERIVED), 14, 1 * S);
	assert_null(stale());
}

static void without_a_delete_the_old_sa_may_be_used_until_it_expires(void **state)
{
	(void)state;
	go_on(ended_child(GRADE_INFERRED), 60, 1 * S);
	assert_non_null(stale());
	assert_int_equal(stale()->record.severity, SEVERITY_INFO);
}

static void of_child_sas_made_together_it_is_a_guess_which_one_was_deleted(void **state)
{
	(void)state;
	uint32_t first = stage_ike_up(0, 2), second = stage_ike_up(0, 2);
	uint32_t child = stage_child(first, 0), silent = stage_child(second, 0);

	stage->child[child].flags |= CHILD_SA_PAIRED_BY_ORDER;
	stage_pass(600 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 600, 60000);
	stage_child_down(child, END_DELETED, 1);
	stage_pass(60 * S);
	go_on(child, 30, 1 * S);
	/* which says nothing of the moment of the other's Delete */
	stage_child_down(silent, END_DELETED, 1);
	detect_flush(stage->detect, stage);
	assert_non_null(stale());
	assert_int_equal(stale()->record.severity, SEVERITY_INFO);
	assert_int_equal(stale()->record.confidence, CONFIDENCE_LOW);
}

static void nor_is_it_known_which_of_two_ike_sas_made_what_was_there_before_the_capture(
	void **state)
{
	(void)state;
	uint32_t child = ended_child(GRADE_DERIVED);

	stage->child[child].ike_sa = NO_INDEX;
	go_on(child, 30, 1 * S);
	detect_flush(stage->detect, stage);
	/* with one it can be no other's */
	assert_int_equal(stale()->record.severity, SEVERITY_CRITICAL);

	stage_close(state);
	stage_open(state);
	stage_ike_up(1, 2);
	child = ended_child(GRADE_DERIVED);
	stage->child[child].ike_sa = NO_INDEX;
	go_on(child, 30, 1 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(stale()->record.severity, SEVERITY_INFO);

	stage_close(state);
	stage_open(state);
	child = ended_child(GRADE_DERIVED);
	stage->child[child].ike_sa = NO_INDEX;
	/* another IKE SA may have said nothing yet */
	stage->child[child].flags |= CHILD_SA_MIDSTREAM;
	go_on(child, 30, 1 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(stale()->record.severity, SEVERITY_INFO);
	assert_non_null(strstr(stale()->summary, "perhaps deleted"));
}

/*
 * A child SA replaced beside another one, as far as anybody can tell; of the pair's other direction
 * `partner` was in use.
 */
static uint32_t replaced_beside_another(bool partner, uint32_t *ret_new)
{
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0), beside = stage_child(ike, 0);

	stage_pass(600 * S);
	for (int d = 0; d < 2; d++) {
		stage_esp_packets(stage->child[beside].esp[d], 600, 60000);
		if (d == 0 || partner)
			stage_esp_packets(stage->child[old].esp[d], 600, 60000);
	}
	stage_pass(1 * S);
	*ret_new = stage_child_rekey(old, 0);
	stage->child[*ret_new].grade = GRADE_INFERRED;
	for (int d = 0; d < 2; d++)
		stage->esp[stage->child[old].esp[d]].grade = GRADE_DERIVED;
	return old;
}

static void what_was_chosen_of_several_is_a_warning_at_most_when_its_partner_stopped(void **state)
{
	(void)state;
	uint32_t new, old = replaced_beside_another(true, &new);

	go_on(old, 80, 1 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(stale());
	assert_int_equal(stale()->record.severity, SEVERITY_WARNING);
	assert_int_equal(stale()->record.confidence, CONFIDENCE_MEDIUM);
}

static void and_a_guess_when_the_capture_misses_messages(void **state)
{
	(void)state;
	uint32_t new, old = replaced_beside_another(true, &new);

	stage->of_tunnel[0].ike[1].messages = 50;
	stage->of_tunnel[0].ike[1].proven_unseen = 5;
	go_on(old, 80, 1 * S);
	detect_flush(stage->detect, stage);
	assert_int_equal(stale()->record.severity, SEVERITY_INFO);
	assert_int_equal(stale()->record.confidence, CONFIDENCE_LOW);
}

static void and_a_guess_when_it_was_the_only_direction(void **state)
{
	(void)state;
	uint32_t new, old = replaced_beside_another(false, &new);

	go_on(old, 80, 1 * S);
	detect_flush(stage->detect, stage);
	assert_non_null(stale());
	assert_int_equal(stale()->record.severity, SEVERITY_INFO);
	assert_int_equal(stale()->record.confidence, CONFIDENCE_LOW);
}

/*
 * Three made together, all busy both ways; one is rekeyed and its receiver moves to the new pair.
 */
static uint32_t one_of_three(uint32_t *ret_new, uint32_t ret_beside[2])
{
	uint32_t ike = stage_ike_up(0, 2), child[3];

	for (int i = 0; i < 3; i++) {
		child[i] = stage_child(ike, 0);
		stage->child[child[i]].flags |= CHILD_SA_PAIRED_BY_ORDER;
	}
	stage_pass(600 * S);
	for (int i = 0; i < 3; i++)
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child[i]].esp[d], 600, 60000);
	*ret_new = stage_child_rekey(child[0], 1);
	stage->child[*ret_new].grade = GRADE_INFERRED;
	for (int d = 0; d < 2; d++)
		stage->esp[stage->child[child[0]].esp[d]].grade = GRADE_DERIVED;
	stage_esp_packets(stage->child[*ret_new].esp[1], 10, 1000);
	/* side 0 has not sent on it */
	stage->child[*ret_new].esp[0] = NO_INDEX;
	stage->child[*ret_new].esp_id[0] = 0;
	ret_beside[0] = child[1];
	ret_beside[1] = child[2];
	return child[0];
}

static void who_goes_on_with_all_he_had_sends_on_a_dead_one(void **state)
{
	(void)state;
	uint32_t new, beside[2], old = one_of_three(&new, beside);

	for (int i = 0; i < 80; i++) {
		for (int n = 0; n < 2; n++)
			stage_esp_packets(stage->child[beside[n]].esp[0], 1, 100);
		go_on(old, 1, 1 * S);
	}
	detect_flush(stage->detect, stage);
	assert_non_null(stale());
	assert_int_equal(stale()->record.severity, SEVERITY_WARNING);
	assert_int_equal(stale()->record.confidence, CONFIDENCE_MEDIUM);
	assert_non_null(strstr(stale()->summary, "that one, or another made with it"));
}

static void who_stopped_with_one_of_them_perhaps_does_not(void **state)
{
	(void)state;
	uint32_t new, beside[2], old = one_of_three(&new, beside);

	for (int i = 0; i < 80; i++) {
		stage_esp_packets(stage->child[beside[0]].esp[0], 1, 100);
		go_on(old, 1, 1 * S);
	}
	detect_flush(stage->detect, stage);
	assert_non_null(stale());
	assert_int_equal(stale()->record.severity, SEVERITY_INFO);
}

static void nor_was_it_deleted_when_another_takes_over_as_it_stops(void **state)
{
	(void)state;
	uint32_t new, old = replaced_beside_another(false, &new);
	uint32_t esp = stage->child[old].esp[0];

	for (int i = 0; i < 300; i++) {	/* all within one judgement: nothing was said so far */
		struct event ev;

		stage->now += 1 * S / 30;
		stage_esp_packets(esp, 1, 100);
		stage->rare[esp].ended = stage->now - 15 * S;
		ev = stage_event(EVENT_ESP_AFTER_END);
		ev.esp_sa = esp;
		ev.side = 0;
		stage_send(ev);
	}
	stage_child(0, 0);
	stage_pass(20 * S);
	assert_null(stale());
}

static void a_pair_that_goes_on_both_ways_is_alive(void **state)
{
	(void)state;
	uint32_t child = ended_child(GRADE_DERIVED);

	for (int i = 0; i < 30; i++) {
		stage_esp_packets(stage->child[child].esp[1], 1, 100);
		go_on(child, 1, 1 * S);
	}
	stage_esp_packets(stage->child[child].esp[1], 1, 100);
	stage_pass(10 * S);
	assert_null(stale());
}

static void a_peer_that_came_back_with_a_new_tunnel_has_lost_the_old_one(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	stage_pass(600 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 600, 60000);
	stage_pass(10 * S);
	/* the other side begins anew, and is silent on the old pair */
	stage_ike_up(1, 2);
	for (int i = 0; i < 40; i++) {
		stage_pass(1 * S);
		stage_esp_packets(stage->child[child].esp[0], 1, 100);
	}
	stage_pass(10 * S);
	assert_non_null(stale());
	assert_string_equal(stale()->cause, "peer_restarted");
	assert_non_null(strstr(stale()->summary, "at least "));	/* counted since it was noticed */
	assert_int_equal(stale()->record.confidence, CONFIDENCE_MEDIUM);
}

static void disown(uint32_t child)
{
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.side = 1;
	ev.value[0] = IKE2_NOTIFY_INVALID_SPI;
	ev.value[1] = 2;
	ev.value[2] = stage->child[child].spi[0];
	stage_send(ev);
}

static void a_receiver_that_disowns_the_spi_is_believed(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	stage_pass(600 * S);
	for (int d = 0; d < 2; d++)
		stage_esp_packets(stage->child[child].esp[d], 600, 60000);
	stage_pass(1 * S);
	disown(child);
	for (int i = 0; i < 30; i++) {
		stage_pass(1 * S);
		stage_esp_packets(stage->child[child].esp[0], 1, 100);
	}
	stage_pass(10 * S);
	assert_non_null(stale());
	assert_string_equal(stale()->cause, "invalid_spi");
	assert_int_equal(stale()->record.confidence, CONFIDENCE_HIGH);
}

static void but_not_when_it_goes_on_using_the_pair_itself(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	stage_pass(600 * S);
	disown(child);
	for (int i = 0; i < 60; i++) {
		stage_pass(1 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 1, 100);
	}
	assert_null(stale());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(packets_on_a_deleted_sa_go_into_a_black_hole),
		ON_STAGE(beside_a_living_sa_it_is_a_warning_until_a_minute_has_passed),
		ON_STAGE(a_few_late_packets_at_a_rekey_are_normal),
		ON_STAGE(without_a_delete_the_old_sa_may_be_used_until_it_expires),
		ON_STAGE(of_child_sas_made_together_it_is_a_guess_which_one_was_deleted),
		ON_STAGE(
		nor_is_it_known_which_of_two_ike_sas_made_what_was_there_before_the_capture),
		ON_STAGE(what_was_chosen_of_several_is_a_warning_at_most_when_its_partner_stopped),
		ON_STAGE(and_a_guess_when_the_capture_misses_messages),
		ON_STAGE(and_a_guess_when_it_was_the_only_direction),
		ON_STAGE(who_goes_on_with_all_he_had_sends_on_a_dead_one),
		ON_STAGE(who_stopped_with_one_of_them_perhaps_does_not),
		ON_STAGE(nor_was_it_deleted_when_another_takes_over_as_it_stops),
		ON_STAGE(a_pair_that_goes_on_both_ways_is_alive),
		ON_STAGE(a_peer_that_came_back_with_a_new_tunnel_has_lost_the_old_one),
		ON_STAGE(a_receiver_that_disowns_the_spi_is_believed),
		ON_STAGE(but_not_when_it_goes_on_using_the_pair_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
