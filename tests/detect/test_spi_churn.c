/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *churn(void)
{
	return collected_find(&stage->alerts, "spi_churn");
}

/*
 * `times` replacements in both directions, one each `age`, with constant traffic of 10 packets/s.
 */
static void replace(uint32_t esp[2], int times, nsec age)
{
	for (int i = 0; i < times; i++) {
		stage_pass(age);
		for (int d = 0; d < 2; d++) {
			stage_esp_packets(esp[d], (uint64_t)(10 * age / S),
					  (uint64_t)(1000 * age / S));
			esp[d] = stage_esp_replace(esp[d]);
		}
	}
}

static void start(uint32_t esp[2])
{
	esp[0] = stage_esp(0);
	esp[1] = stage_esp(1);
}

static void two_replacements_are_quiet_and_three_within_ten_minutes_are_churn(void **state)
{
	(void)state;
	uint32_t esp[2];

	start(esp);
	replace(esp, 2, 60 * S);
	assert_null(churn());
	replace(esp, 1, 60 * S);
	assert_non_null(churn());
	assert_int_equal(churn()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(churn(), "replacements"), 3);
	assert_int_equal(collected_number(churn(), "median_age_s"), 60);
	assert_non_null(strstr(churn()->summary, "192.0.2.1"));
	assert_non_null(strstr(churn()->summary, "3 times"));
	/* no exchange was seen, and nothing of the IKE SA */
	assert_int_equal(churn()->record.confidence, CONFIDENCE_MEDIUM);
	assert_string_equal(collected_text(churn(), "kind"), "esp_only");
	assert_null(strstr(churn()->summary, "while the IKE SA stays"));
	assert_non_null(strstr(churn()->summary, "its IKE is not in this capture"));
	assert_int_equal(detect_tunnel_state(stage->detect, stage, 0, NULL), TUNNEL_FLAPPING);
}

static void six_with_a_median_age_below_two_minutes_are_critical(void **state)
{
	(void)state;
	uint32_t esp[2];

	start(esp);
	replace(esp, 6, 60 * S);
	assert_int_equal(churn()->record.severity, SEVERITY_CRITICAL);
	assert_int_equal(stage->alerts.n, 1);
}

static void a_rekey_every_five_minutes_is_nobodys_churn(void **state)
{
	(void)state;
	uint32_t esp[2];

	start(esp);
	replace(esp, 20, 300 * S);
	assert_null(churn());
}

static void parallel_sas_raise_the_threshold(void **state)
{
	(void)state;
	uint32_t a[2], b[2], c[2];

	start(a);
	start(b);
	start(c);
	/* three tunnels' worth of SAs replaced twice: six events, but K = 3 allows 2K */
	for (int i = 0; i < 2; i++) {
		replace(a, 1, 60 * S);
		replace(b, 1, 10 * S);
		replace(c, 1, 10 * S);
	}
	assert_null(churn());
	replace(a, 1, 60 * S);
	assert_non_null(churn());
	assert_int_equal(collected_number(churn(), "parallel_sas"), 3);
}

static void sas_from_before_the_capture_have_no_age_and_are_not_counted(void **state)
{
	(void)state;
	uint32_t esp[2];

	for (int i = 0; i < 10; i++) {
		start(esp);
		stage->esp[esp[0]].flags |= ESP_SA_MIDSTREAM;
		stage->esp[esp[1]].flags |= ESP_SA_MIDSTREAM;
		replace(esp, 1, 20 * S);
	}
	assert_null(churn());
}

static void single_packets_of_unknown_spis_are_not_sas(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);

	for (int i = 0; i < 12; i++) {
		stage_pass(20 * S);
		esp = stage_esp_replace(esp);
	}
	assert_null(churn());
}

static void equal_volumes_at_unequal_ages_are_a_volume_limit_not_churn(void **state)
{
	(void)state;
	static const int ages[] = { 20, 60, 150, 35, 90, 20, 110 };
	uint32_t esp = stage_esp(0);

	for (size_t i = 0; i < 7; i++) {
		stage_pass(ages[i] * S);
		stage_esp_packets(esp, 5000, 5000000);
		esp = stage_esp_replace(esp);
	}
	assert_null(churn());
}

static void with_every_set_up_new_it_says_so(void **state)
{
	(void)state;
	uint32_t esp[2];

	start(esp);
	for (int i = 0; i < 4; i++) {
		stage_pass(59 * S);
		stage_ike_up(0, 2);
		replace(esp, 1, S);
	}
	assert_string_equal(collected_text(churn(), "kind"), "with_ike");
	assert_non_null(strstr(churn()->summary, "each time with a new IKE SA"));
}

/* The set-up that the first SA came with replaced nothing, and one of four is not "each time". */
static void with_one_set_up_new_it_says_one(void **state)
{
	(void)state;
	uint32_t esp[2];

	stage_ike_up(0, 2);
	start(esp);
	replace(esp, 2, 60 * S);
	stage_ike_up(0, 2);
	replace(esp, 2, 60 * S);
	assert_string_equal(collected_text(churn(), "kind"), "ike_stable");
	assert_non_null(strstr(churn()->summary, "with 1 new IKE SA among them"));
}

static void the_set_up_before_a_first_sa_of_few_seconds_replaced_nothing_either(void **state)
{
	(void)state;
	uint32_t esp[2];

	stage_ike_up(0, 2);
	stage_pass(S);
	start(esp);
	replace(esp, 6, 4 * S);
	assert_non_null(strstr(churn()->summary, "while the IKE SA stays"));
}

static void seen_exchanges_make_it_sure(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2), old = stage_child(ike, 0);

	for (int i = 0; i < 4; i++) {
		stage_pass(60 * S);

		uint32_t new = stage_child(ike, 0);

		for (int d = 0; d < 2; d++) {
			struct event ev = stage_event(EVENT_ESP_SA_REPLACED);

			stage_esp_packets(stage->child[old].esp[d], 100, 10000);
			ev.esp_sa = stage->child[new].esp[d];
			ev.other = stage->child[old].esp[d];
			stage->rare[ev.other].successor = stage->esp[ev.esp_sa].id;
			stage_send(ev);
		}
		old = new;
	}
	assert_int_equal(churn()->record.confidence, CONFIDENCE_HIGH);
	assert_string_equal(collected_text(churn(), "kind"), "ike_stable");
}

static void it_clears_when_the_spis_stay(void **state)
{
	(void)state;
	uint32_t esp[2];

	start(esp);
	replace(esp, 4, 60 * S);
	stage_pass(4 * stage->settings.churn_window);
	assert_true(churn()->record.cleared);
	assert_int_equal(detect_tunnel_state(stage->detect, stage, 0, NULL), TUNNEL_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(two_replacements_are_quiet_and_three_within_ten_minutes_are_churn),
		ON_STAGE(six_with_a_median_age_below_two_minutes_are_critical),
		ON_STAGE(a_rekey_every_five_minutes_is_nobodys_churn),
		ON_STAGE(parallel_sas_raise_the_threshold),
		ON_STAGE(sas_from_before_the_capture_have_no_age_and_are_not_counted),
		ON_STAGE(single_packets_of_unknown_spis_are_not_sas),
		ON_STAGE(equal_volumes_at_unequal_ages_are_a_volume_limit_not_churn),
		ON_STAGE(with_every_set_up_new_it_says_so),
		ON_STAGE(with_one_set_up_new_it_says_one),
		ON_STAGE(the_set_up_before_a_first_sa_of_few_seconds_replaced_nothing_either),
		ON_STAGE(seen_exchanges_make_it_sure),
		ON_STAGE(it_clears_when_the_spis_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
