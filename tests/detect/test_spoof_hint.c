/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "spoof_hint");
}

static void unprotected(uint16_t type, int by, uint32_t ike, uint32_t spi)
{
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.side = (int8_t)by;
	ev.ike_sa = ike;
	ev.value[0] = type;
	ev.value[1] = 2;
	ev.value[2] = spi;
	stage_send(ev);
}

static void traffic(uint32_t child, nsec span, bool back)
{
	for (nsec t = 0; t < span; t += 10 * S) {
		stage_pass(10 * S);
		stage_esp_packets(stage->child[child].esp[0], 10, 1000);
		if (back)
			stage_esp_packets(stage->child[child].esp[1], 10, 1000);
	}
}

static void invalid_spi_for_a_pair_that_works_may_be_forged(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	unprotected(11, 1, NO_INDEX, stage->child[child].spi[0]);
	traffic(child, 60 * S, true);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_LOW);
	assert_string_equal(collected_text(alert(), "error"), "INVALID_SPI");
	assert_string_equal(collected_text(alert(), "in_the_name_of"), "203.0.113.1");
}

static void revised(int by, bool after_a_delete)
{
	struct event ev = stage_event(EVENT_IKE_SA_REVISED);

	ev.side = (int8_t)by;
	ev.ike_sa = stage_ike_up(0, 1);
	ev.value[0] = END_DELETED;
	ev.value[1] = after_a_delete;
	stage_send(ev);
	stage_pass(20 * S);
}

static void a_delete_after_which_both_peers_went_on_may_be_forged(void **state)
{
	(void)state;
	revised(1, true);
	assert_int_equal(alert()->record.severity, SEVERITY_INFO);
	assert_int_equal(alert()->record.confidence, CONFIDENCE_LOW);
	assert_string_equal(collected_text(alert(), "error"), "Delete");
	assert_string_equal(collected_text(alert(), "in_the_name_of"), "203.0.113.1");
	assert_non_null(strstr(alert()->summary, "203.0.113.1 ended nothing"));
}

static void an_end_that_was_only_presumed_is_no_hint_when_it_is_taken_back(void **state)
{
	(void)state;
	revised(1, false);
	revised(SIDE_UNKNOWN, true);
	assert_null(alert());
}

static void a_peer_that_lost_the_pair_tells_the_truth(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	unprotected(11, 1, NO_INDEX, stage->child[child].spi[0]);
	traffic(child, 60 * S, false);
	assert_null(alert());
}

static void an_spi_that_nobody_uses_is_no_hint(void **state)
{
	(void)state;
	uint32_t child = stage_child(stage_ike_up(0, 2), 0);

	unprotected(11, 1, NO_INDEX, 0x12345678);
	traffic(child, 60 * S, true);
	assert_null(alert());
}

static void invalid_ike_spi_for_an_ike_sa_that_answers(void **state)
{
	(void)state;
	uint32_t ike = stage_ike_up(0, 2);

	unprotected(4, 1, ike, 0);
	stage_pass(5 * S);
	stage_answer(stage_request(ike, 37, PURPOSE_DPD, 0, 2));
	stage_pass(60 * S);
	assert_string_equal(collected_text(alert(), "error"), "INVALID_IKE_SPI");
}

static void a_refusal_that_stands_is_no_hint(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 2);

	unprotected(14, 1, ike, 0);
	stage_pass(60 * S);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			invalid_spi_for_a_pair_that_works_may_be_forged, stage_open,
						stage_close),
		ON_STAGE(a_delete_after_which_both_peers_went_on_may_be_forged),
		ON_STAGE(an_end_that_was_only_presumed_is_no_hint_when_it_is_taken_back),
		ON_STAGE(a_peer_that_lost_the_pair_tells_the_truth),
		ON_STAGE(an_spi_that_nobody_uses_is_no_hint),
		ON_STAGE(invalid_ike_spi_for_an_ike_sa_that_answers),
		ON_STAGE(a_refusal_that_stands_is_no_hint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
