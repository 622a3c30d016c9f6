/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "rekey_late");
}

static void sends(uint32_t child, nsec span)
{
	nsec end = stage->now + span;

	while (stage->now < end) {
		stage_pass(100 * S);
		for (int d = 0; d < 2; d++)
			stage_esp_packets(stage->child[child].esp[d], 10, 1000);
	}
	stage_pass(10 * S);
}

static void an_sa_in_use_for_more_than_a_day_is_a_warning(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	sends(child, 86000 * S);
	assert_null(alert());
	sends(child, 1000 * S);
	assert_non_null(alert());
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(alert()->cause, "key_too_old");
	assert_int_equal(stage->alerts.n, 2);	/* one for each direction */
	assert_string_not_equal(collected_text(&stage->alerts.alert[0], "spi"),
				collected_text(&stage->alerts.alert[1], "spi"));
}

static void an_idle_sa_may_grow_old(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	sends(child, 1000 * S);
	stage_pass(2 * 86400 * S);
	assert_null(alert());
}

/* Nobody rekeys what nobody uses; or it was the clock of the capture that stepped. */
static void an_sa_that_grew_old_at_rest_is_a_hint(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	sends(child, 1000 * S);
	stage_pass(86400 * S);
	sends(child, 1000 * S);
	assert_non_null(alert());
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
	sends(child, 86400 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

static void an_sa_far_older_than_those_before_it_is_late(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	for (int i = 0; i < 4; i++) {
		sends(child, 3500 * S);
		child = stage_child_rekey(child, 0);
	}
	sends(child, 4000 * S);
	assert_null(alert());
	sends(child, 1000 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_string_equal(alert()->cause, "later_than_usual");
	assert_int_equal((int)collected_number(alert(), "usual_age_at_rekey_s") / 100, 35);
}

/* The peer died each time: how long those lived says nothing of a lifetime. */
static void sas_that_were_built_anew_have_no_usual_age(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	for (int i = 0; i < 4; i++) {
		uint32_t old = child;

		sends(child, 200 * S);
		child = stage_child_how(stage_ike_up(0, 2), 0, CREATED_IKE_AUTH);
		for (int d = 0; d < 2; d++) {
			struct event ev = stage_event(EVENT_ESP_SA_REPLACED);

			ev.esp_sa = stage->child[child].esp[d];
			ev.other = stage->child[old].esp[d];
			stage_send(ev);
		}
		stage_child_down(old, END_PEER_LOST, SIDE_UNKNOWN);
	}
	sends(child, 3000 * S);
	assert_null(alert());
}

/* A limit of volume replaces SAs when they are full: that is no lifetime to be late for. */
static void replaced_after(const nsec ages[4])
{
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	for (int i = 0; i < 4; i++) {
		sends(child, ages[i]);
		child = stage_child_rekey(child, 0);
	}
	sends(child, 9000 * S);
	assert_null(alert());
}

static void sas_replaced_at_scattered_ages_have_no_usual_age(void **state)
{
	(void)state;
	replaced_after((const nsec[]){ 1000 * S, 3500 * S, 600 * S, 2500 * S });
}

static void what_nobody_can_configure_is_no_lifetime(void **state)
{
	(void)state;
	replaced_after((const nsec[]){ 100 * S, 100 * S, 100 * S, 100 * S });
}

/* Churn, and it was cured: those short lives show no lifetime. */
static void nor_are_the_ages_of_a_churn(void **state)
{
	(void)state;
	replaced_after((const nsec[]){ 190 * S, 190 * S, 190 * S, 190 * S });
}

/* A lifetime of half an hour, less nine minutes and up to nine more (ipsec.conf of strongSwan). */
static void rekeys_that_vary_by_minutes_make_none_late(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	for (int i = 0; i < 4; i++) {
		sends(child, 750 * S);
		child = stage_child_rekey(child, 0);
	}
	sends(child, 1200 * S);
	assert_null(alert());
}

static void an_sa_from_before_the_capture_is_at_least_that_old(void **state)
{
	(void)state;
	uint32_t child = stage_child(NO_INDEX, 0);

	for (int d = 0; d < 2; d++)
		stage->esp[stage->child[child].esp[d]].flags |= ESP_SA_MIDSTREAM;
	sends(child, 3600 * S);
	assert_null(alert());
	sends(child, 86400 * S);
	assert_non_null(alert());
	assert_non_null(strstr(alert()->summary, "at least"));
	/* perhaps of manual keys: a hint */
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_LOW);
}

/* It has two packets to be believed by, and until then it must not be forgotten. */
static void an_sa_that_is_believed_only_later_grows_old_too(void **state)
{
	(void)state;
	uint32_t child = stage_child(NO_INDEX, 0);

	for (int d = 0; d < 2; d++) {
		stage->esp[stage->child[child].esp[d]].flags |= ESP_SA_MIDSTREAM;
		stage->esp[stage->child[child].esp[d]].flags &= (uint8_t)~ESP_SA_CONFIRMED;
	}
	stage_pass(60 * S);
	for (int d = 0; d < 2; d++)
		stage->esp[stage->child[child].esp[d]].flags |= ESP_SA_CONFIRMED;
	sends(child, 87400 * S);
	assert_non_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(an_sa_in_use_for_more_than_a_day_is_a_warning),
		ON_STAGE(an_idle_sa_may_grow_old),
		ON_STAGE(an_sa_that_grew_old_at_rest_is_a_hint),
		ON_STAGE(an_sa_far_older_than_those_before_it_is_late),
		ON_STAGE(sas_that_were_built_anew_have_no_usual_age),
		ON_STAGE(sas_replaced_at_scattered_ages_have_no_usual_age),
		ON_STAGE(what_nobody_can_configure_is_no_lifetime),
		ON_STAGE(nor_are_the_ages_of_a_churn),
		ON_STAGE(rekeys_that_vary_by_minutes_make_none_late),
		ON_STAGE(an_sa_from_before_the_capture_is_at_least_that_old),
		ON_STAGE(an_sa_that_is_believed_only_later_grows_old_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
