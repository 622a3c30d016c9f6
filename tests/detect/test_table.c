/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/detect.h>

#include "detect/detector.h"
#include "detect/precedence.h"

static void every_condition_has_a_page_with_all_headings(void **state)
{
	(void)state;
	static const char *const headings[] = { "## Meaning\n", "## How it is seen\n",
	"## What can look like it\n",
						"## What to do\n", "## Knobs\n",
						"## References\n" };

	for (size_t n = 0; detect_code(n); n++) {
		const char *page = detect_page(detect_code(n)), *at = page;

		assert_non_null(page);
		assert_int_equal(strncmp(page, "# ", 2), 0);
		assert_int_equal(strncmp(page + 2, detect_code(n), strlen(detect_code(n))), 0);
		for (size_t h = 0; h < sizeof(headings) / sizeof(headings[0]); h++) {
			at = strstr(at, headings[h]);
			assert_non_null(at);	/* present, and in this order */
		}
	}
	assert_null(detect_page("no_such_code"));
	assert_null(detect_page("spi"));
}

/* The setting whose whole key stands here. */
static const struct setting *setting_at(const char *name, size_t length)
{
	for (const struct setting *s = settings_table(); s->key; s++)
		if (strlen(s->key) == length && strncmp(s->key, name, length) == 0)
			return s;
	return NULL;
}

/* After `at`, with lines broken anywhere between words; NULL where it is something else. */
static const char *after_words(const char *at, const char *words)
{
	for (; *words; at++, words++) {
		if (*words == ' ' && *at == '\n')
			at += strspn(at, "\n ") - 1;
		else if (*at != *words)
			return NULL;
	}
	return at;
}

/* "- `key` (default): text", as the pages write it. */
static void every_knob_on_a_page_says_what_its_setting_says(void **state)
{
	(void)state;
	for (size_t n = 0; detect_code(n); n++) {
		const char *at = strstr(detect_page(detect_code(n)), "## Knobs\n");
		const char *end = strstr(at, "## References");

		for (at = strstr(at, "- `"); at && at < end; at = strstr(at, "- `")) {
			at += 3;
			size_t length = strcspn(at, "`");
			const struct setting *s = setting_at(at, length);
			char *value_end = NULL;

			if (!s)
				fail_msg("%s: no such setting: %.*s", detect_code(n), (int)length,
					 at);
			if (strncmp(at + length, "` (", 3) != 0 ||
			    strtod(at + length + 3, &value_end) != s->initial)
				fail_msg("%s: %s has another default", detect_code(n), s->key);
			const char *after = after_words(value_end, "): ");

			after = after ? after_words(after, s->text) : NULL;
			if (!after || *after != '\n' || after[1] == ' ')
				fail_msg("%s: %s is explained in other words than by its setting",
					 detect_code(n), s->key);
		}
	}
}

static void no_code_is_there_twice(void **state)
{
	(void)state;
	for (size_t a = 0; detect_code(a); a++)
		for (size_t b = a + 1; detect_code(b); b++)
			assert_string_not_equal(detect_code(a), detect_code(b));
}

static void the_conditions_come_in_the_order_of_the_catalogue(void **state)
{
	(void)state;
	static const char *const catalogue[] = {
		"spi_churn", "ike_auth_retransmit", "lifetime_mismatch", "ike_flap",
		"ike_sa_limit_loop",
		"duplicate_ike_sa", "periodic_drop", "ike_init_unanswered", "auth_failed",
		"no_proposal_chosen",
		"invalid_ke", "ts_mismatch", "pfs_mismatch", "lifetime_asymmetry",
		"rekey_collision",
		"simultaneous_delete", "rekey_failing", "rekey_late", "expiry_gap", "volume_expiry",
		"idle_expiry",
		"stale_spi", "one_way_esp", "encap_mismatch", "dpd_timeout", "peer_restart",
		"esp_loss",
		"esp_reorder", "esp_replay", "seq_reset", "seq_exhaustion", "fragment_loss",
		"nat_keepalive_missing", "nat_rebind", "weak_crypto", "downgrade", "aggressive_psk",
		"ike_flood",
		"ike_scan", "spoof_hint", "tunnel_down", "capture_loss", "mirror_duplicates",
		"one_sided_capture", "clock_jump",
	};
	size_t at = 0;

	for (size_t n = 0; detect_code(n); n++) {
		while (at < sizeof(catalogue) / sizeof(catalogue[0]) &&
		       strcmp(catalogue[at], detect_code(n)) != 0)
			at++;
		assert_true(at < sizeof(catalogue) / sizeof(catalogue[0]));
	}
	for (size_t n = 0; n < 3; n++)	/* the product's reason to exist */
		assert_string_equal(detect_code(n), catalogue[n]);
}

static void every_detector_can_observe_judge_explain_and_clear(void **state)
{
	(void)state;
	for (size_t n = 0; n < detectors_count(); n++) {
		const struct detector *d = detectors[n];
		bool window_is_a_setting = false;

		assert_non_null(d->observe);
		assert_non_null(d->judge);
		assert_non_null(d->explain);
		assert_true(d->observes != 0);
		for (const struct setting *s = settings_table(); s->key; s++)
			window_is_a_setting |= s->offset == d->window && s->kind == SETTING_SECONDS;
		assert_true(window_is_a_setting);
	}
}

/*
 * Longest chain upwards from this symptom; a circle would never end, so it stops at the number of
 * rows.
 */
static int height(const char *symptom, int left)
{
	const char *row, *const *causes;
	int highest = 0;

	for (size_t n = 0; left > 0 && precedence_row(n, &row, &causes); n++) {
		if (strcmp(row, symptom) != 0)
			continue;
		for (; *causes; causes++) {
			int h = 1 + height(*causes, left - 1);

			highest = h > highest ? h : highest;
		}
	}
	return highest;
}

static void no_fault_is_its_own_cause(void **state)
{
	(void)state;
	const char *symptom, *const *causes;

	for (size_t n = 0; precedence_row(n, &symptom, &causes); n++)
		assert_true(height(symptom, 12) < 8);
}

static void the_first_cause_of_a_row_explains_best(void **state)
{
	(void)state;
	assert_true(precedence_of("pfs_mismatch", "spi_churn") <
		    precedence_of("ike_flap", "spi_churn"));
	assert_int_not_equal(precedence_of("pfs_mismatch", "periodic_drop"), PRECEDENCE_NONE);
	assert_int_not_equal(precedence_of("lifetime_mismatch", "one_way_esp"), PRECEDENCE_NONE);
	assert_int_equal(precedence_of("spi_churn", "pfs_mismatch"), PRECEDENCE_NONE);
	assert_int_equal(precedence_of("weak_crypto", "spi_churn"), PRECEDENCE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_condition_has_a_page_with_all_headings),
		cmocka_unit_test(every_knob_on_a_page_says_what_its_setting_says),
		cmocka_unit_test(no_code_is_there_twice),
		cmocka_unit_test(the_conditions_come_in_the_order_of_the_catalogue),
		cmocka_unit_test(every_detector_can_observe_judge_explain_and_clear),
		cmocka_unit_test(no_fault_is_its_own_cause),
		cmocka_unit_test(the_first_cause_of_a_row_explains_best),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
