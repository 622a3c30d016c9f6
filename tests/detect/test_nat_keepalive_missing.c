/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "nat_keepalive_missing");
}

static uint32_t behind_nat(uint16_t port)
{
	stage->tunnel[0].behind_nat[0] = 1;
	stage->of_tunnel[0].now[0].port = port;
	stage_ike_up(0, 2);
	return stage_esp(0);
}

/* Silent for this long, then a packet. */
static void silent(uint32_t esp, nsec span)
{
	stage_pass(span);
	stage_esp_packets(esp, 1, 100);
	stage_pass(10 * S);
	stage_esp_packets(esp, 1, 100);
}

static void two_silences_of_minutes_are_a_warning(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(31006);

	silent(esp, 200 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	silent(esp, 300 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_int_equal(collected_number(alert(), "long_silences"), 2);
	assert_in_range((uintmax_t)collected_number(alert(), "longest_s"), 280, 300);
}

/* The capture was down: the next sequence number says how much was sent meanwhile. */
static void a_silence_whose_sequence_numbers_went_on_was_none(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(31006);

	for (int i = 0; i < 3; i++) {
		stage_pass(200 * S);
		stage->esp[esp].seq_high += 66;
		stage_esp_packets(esp, 1, 100);
		stage_pass(10 * S);
		stage_esp_packets(esp, 1, 100);
	}
	assert_null(alert());
}

static void one_packet_that_is_missing_in_minutes_keeps_no_mapping(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(31006);

	for (int i = 0; i < 2; i++) {
		stage->esp[esp].seq_high++;
		silent(esp, 300 * S);
	}
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

/* The set-up with its hashes came before the capture. */
static void the_port_of_esp_in_udp_proves_a_nat_without_a_set_up(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(31006);

	stage->tunnel[0].behind_nat[0] = RECORD_UNKNOWN;
	stage->esp[esp].encap = ENCAP_UDP;
	stage->esp[esp].flags |= ESP_SA_CONFIRMED;
	silent(esp, 200 * S);
	silent(esp, 300 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
}

static void port_4500_proves_none(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(4500);

	stage->tunnel[0].behind_nat[0] = RECORD_UNKNOWN;
	stage->esp[esp].encap = ENCAP_UDP;
	stage->esp[esp].flags |= ESP_SA_CONFIRMED;
	silent(esp, 200 * S);
	silent(esp, 300 * S);
	assert_null(alert());
}

static void keepalives_each_twenty_seconds_are_well(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(31006);

	for (int i = 0; i < 100; i++) {
		struct event ev = stage_event(EVENT_KEEPALIVE);

		ev.side = 0;
		stage_send(ev);
		stage_pass(20 * S);
	}
	silent(esp, 20 * S);
	assert_null(alert());
}

static void keepalives(int n)
{
	for (int i = 0; i < n; i++) {
		struct event ev = stage_event(EVENT_KEEPALIVE);

		ev.side = 0;
		stage_send(ev);
		stage_pass(20 * S);
	}
}

/* It sends keepalives, and for minutes nothing came from either side. */
static void a_silence_of_all_that_is_captured_is_not_the_peers(void **state)
{
	for (int other_speaks = 0; other_speaks < 2; other_speaks++) {
		stage_open(state);
		uint32_t esp = behind_nat(31006), back = stage_esp(1);

		for (int i = 0; i < 2; i++) {
			keepalives(10);
			for (int n = 0; n < 20; n++) {
				stage_pass(15 * S);
				if (other_speaks)
					stage_esp_packets(back, 1, 100);
			}
			silent(esp, 10 * S);
		}
		stage_pass(20 * S);
		if (other_speaks)
			assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
		else
			assert_null(alert());
		stage_close(state);
	}
}

/* The interface was gone. */
static void nor_is_one_that_nobody_watched(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(31006);

	for (int i = 0; i < 2; i++) {
		struct event ev;

		stage_pass(300 * S);
		ev = stage_event(EVENT_UNWATCHED);
		ev.tunnel = NO_INDEX;
		stage_send(ev);
		silent(esp, 10 * S);
	}
	assert_null(alert());
}

static void a_hash_alone_may_be_wrong_on_purpose(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(4500);

	for (int i = 0; i < 4; i++)
		silent(esp, 300 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_LOW);
}

static void without_a_nat_silence_is_free(void **state)
{
	(void)state;
	uint32_t esp = behind_nat(4500);

	stage->tunnel[0].behind_nat[0] = 0;
	silent(esp, 300 * S);
	silent(esp, 300 * S);
	assert_null(alert());
}

static void a_client_that_comes_back_with_a_new_ike_sa_was_away(void **state)
{
	(void)state;
	behind_nat(31006);
	for (int i = 0; i < 3; i++) {
		stage_pass(3600 * S);
		stage_ike_up(0, 2);
		stage_esp(0);
		stage_pass(10 * S);
	}
	assert_null(alert());
}

static void a_client_that_never_comes_back_is_gone(void **state)
{
	(void)state;
	behind_nat(31006);
	stage_pass(7200 * S);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(two_silences_of_minutes_are_a_warning),
		ON_STAGE(a_silence_whose_sequence_numbers_went_on_was_none),
		ON_STAGE(one_packet_that_is_missing_in_minutes_keeps_no_mapping),
		ON_STAGE(the_port_of_esp_in_udp_proves_a_nat_without_a_set_up),
		ON_STAGE(port_4500_proves_none),
		ON_STAGE(keepalives_each_twenty_seconds_are_well),
		cmocka_unit_test(a_silence_of_all_that_is_captured_is_not_the_peers),
		ON_STAGE(nor_is_one_that_nobody_watched),
		ON_STAGE(a_hash_alone_may_be_wrong_on_purpose),
		ON_STAGE(without_a_nat_silence_is_free),
		cmocka_unit_test_setup_teardown(
			a_client_that_comes_back_with_a_new_ike_sa_was_away, stage_open,
						stage_close),
		ON_STAGE(a_client_that_never_comes_back_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
