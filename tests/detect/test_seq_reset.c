/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "detect/esp_stage.h"

static const struct collected_alert *alert(void)
{
	return collected_find(&stage->alerts, "seq_reset");
}

/* The tracker counts from the new place when it says so. */
static void restart(uint32_t esp, int64_t from, uint32_t to)
{
	stage->esp[esp].packets = 200000;
	stage->rare[esp].packets_before = 200000;
	stage->esp[esp].seq_first = stage->esp[esp].seq_high = to;
	esp_event(EVENT_ESP_SEQ_RESET, esp, from, 0);
}

static void a_sequence_that_starts_over_is_a_warning(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(1);

	restart(esp, 150000, 10);
	stage_pass(10 * S);
	assert_null(alert());		/* could be old packets sent again */
	stage_esp_packets(esp, 100, 10000);
	stage_pass(10 * S);
	assert_int_equal(alert()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(alert(), "sender"), "203.0.113.1");
	assert_int_equal(collected_number(alert(), "sequence_before"), 150000);
}

static void from_the_start_counts_however_small_the_fall(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);

	restart(esp, 5000, 10);
	stage_esp_packets(esp, 100, 10000);
	stage_pass(10 * S);
	assert_non_null(alert());
}

static void a_small_fall_elsewhere_does_not(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);

	restart(esp, 50000, 20000);
	stage_esp_packets(esp, 100, 10000);
	stage_pass(10 * S);
	assert_null(alert());
}

static void old_packets_sent_again_do_not_last(void **state)
{
	(void)state;
	uint32_t esp = stage_esp(0);

	restart(esp, 150000, 10);
	stage->esp[esp].packets += 500;
	stage->esp[esp].seq_high = 150500;	/* the true sequence goes on */
	stage_pass(60 * S);
	assert_null(alert());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_sequence_that_starts_over_is_a_warning),
		ON_STAGE(from_the_start_counts_however_small_the_fall),
		ON_STAGE(a_small_fall_elsewhere_does_not),
		ON_STAGE(old_packets_sent_again_do_not_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
