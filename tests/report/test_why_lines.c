/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "report/samples.h"
#include "report/why.h"

/* DESIGN 6 */
static const char *const codes[] = {
	"spi_churn", "ike_auth_retransmit", "lifetime_mismatch", "ike_flap", "ike_sa_limit_loop",
	"duplicate_ike_sa",
	"periodic_drop", "ike_init_unanswered", "auth_failed", "no_proposal_chosen", "invalid_ke",
	"ts_mismatch",
	"pfs_mismatch", "lifetime_asymmetry", "rekey_collision", "simultaneous_delete",
	"rekey_failing", "rekey_late",
	"expiry_gap", "volume_expiry", "idle_expiry", "stale_spi", "one_way_esp", "encap_mismatch",
	"dpd_timeout",
	"peer_restart", "esp_loss", "esp_reorder", "esp_replay", "seq_reset", "seq_exhaustion",
	"fragment_loss",
	"nat_keepalive_missing", "nat_rebind", "weak_crypto", "downgrade", "aggressive_psk",
	"ike_flood", "ike_scan",
	"spoof_hint", "tunnel_down", "capture_loss", "mirror_duplicates", "one_sided_capture",
	"clock_jump",
};

static const struct why_line *const tables[] = {
	why_stability, why_setup, why_renewal, why_traffic, why_capture,
};

enum { CODES = sizeof(codes) / sizeof(codes[0]), TABLES = sizeof(tables) / sizeof(tables[0]) };

static size_t lines_about(const char *code, enum why_part part)
{
	size_t n = 0;

	for (size_t i = 0; i < TABLES; i++)
		for (const struct why_line *l = tables[i]; l->code; l++)
			n += strcmp(l->code, code) == 0 && l->part == part;
	return n;
}

static void every_condition_says_whose_side_and_what_would_prove_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < CODES; i++) {
		assert_true(lines_about(codes[i], WHY_HEAD) > 0);
		assert_true(lines_about(codes[i], WHY_LOOK) > 0);
		assert_true(lines_about(codes[i], WHY_CONFIRM) > 0);
		assert_true(lines_about(codes[i], WHY_REFUTE) > 0);
	}
}

static void no_line_is_about_a_condition_that_does_not_exist(void **state)
{
	(void)state;
	for (size_t i = 0; i < TABLES; i++) {
		for (const struct why_line *l = tables[i]; l->code; l++) {
			size_t k = 0;

			while (k < CODES && strcmp(codes[k], l->code) != 0)
				k++;
			assert_true(k < CODES);
			assert_in_range(strlen(l->text), 10, 400);
		}
	}
}

static struct why_values values_of(const char *initiator, double requests)
{
	struct why_values v = { 0 };

	why_values_add(&v, "a", "192.0.2.1");
	why_values_add(&v, "b", "198.51.100.2");
	why_values_add(&v, "initiator", initiator);
	why_values_add_number(&v, "requests", requests);
	return v;
}

static void a_line_of_which_a_piece_is_not_known_is_not_told(void **state)
{
	struct why_values v = values_of("192.0.2.1", 4);
	struct why_list l = { 0 };

	(void)state;
	why_lines(&l, "ike_auth_retransmit", "answered", WHY_HEAD, &v);
	assert_int_equal(l.n, 0);	/* the responder is missing */
	why_values_add(&v, "responder", "198.51.100.2");
	why_lines(&l, "ike_auth_retransmit", "answered", WHY_HEAD, &v);
	assert_int_equal(l.n, 1);
	assert_non_null(strstr(l.at[0], "192.0.2.1 repeats its login message (IKE_AUTH) although "
					"198.51.100.2 answers"));
	why_list_done(&l);
	why_values_done(&v);
}

static void what_looked_like_a_delete_is_not_called_an_error(void **state)
{
	static const enum why_part parts[] = { WHY_HEAD, WHY_LOOK, WHY_AGAINST, WHY_CONFIRM };

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct why_values v = { 0 };
		struct why_list l = { 0 };

		why_values_add(&v, "in_the_name_of", "192.0.2.1");
		why_values_add(&v, "error", "Delete");
		why_lines(&l, "spoof_hint", NULL, parts[i], &v);
		assert_true(l.n >= 1);
		assert_null(strstr(l.at[0], "error"));
		assert_null(strstr(l.at[0], "standby"));
		why_list_done(&l);
		why_values_done(&v);

		why_values_add(&v, "in_the_name_of", "192.0.2.1");
		why_values_add(&v, "error", "INVALID_SPI");
		why_lines(&l, "spoof_hint", NULL, parts[i], &v);
		assert_int_equal(l.n, 1);
		assert_null(strstr(l.at[0], "Delete"));
		why_list_done(&l);
		why_values_done(&v);
	}
}

static void a_condition_on_the_evidence_keeps_what_is_not_true_out(void **state)
{
	struct why_values v = values_of("192.0.2.1", 1);
	struct why_list l = { 0 };

	(void)state;
	why_values_add(&v, "refused_by", "198.51.100.2");
	why_values_add(&v, "peer", "192.0.2.1");
	why_values_add_number(&v, "refusals", 1);
	why_values_add_number(&v, "ike_version", 2);
	why_values_add(&v, "worked_before", "no");
	why_lines(&l, "auth_failed", NULL, WHY_FOR, &v);
	assert_int_equal(l.n, 1);	/* neither IKEv1 nor "it worked before" */
	why_list_done(&l);
	why_lines(&l, "auth_failed", NULL, WHY_HEAD, &v);
	assert_non_null(strstr(l.at[0], "refuses the login of 192.0.2.1, once:"));
	why_list_done(&l);
	why_values_done(&v);
}

static void the_peer_that_is_not_the_named_one_can_be_spoken_of(void **state)
{
	struct why_values v = { 0 };
	struct why_list l = { 0 };

	(void)state;
	why_values_add(&v, "a", "192.0.2.1");
	why_values_add(&v, "b", "198.51.100.2");
	why_values_add(&v, "ended_by", "198.51.100.2");
	why_lines(&l, "periodic_drop", "max_session_timer", WHY_LOOK, &v);
	assert_int_equal(l.n, 1);
	assert_non_null(strstr(l.at[0], "Look at 198.51.100.2"));
	assert_non_null(strstr(l.at[0], "192.0.2.1 only builds the tunnel again"));
	why_list_done(&l);
	why_values_done(&v);
}

static void units_are_read_from_the_names(void **state)
{
	const struct record_evidence e[] = {
		{ .name = "median_age_s", .type = EVIDENCE_REAL, .real = 90 },
		{ .name = "bytes_per_sa", .type = EVIDENCE_INTEGER, .integer = 5324782 },
		{ .name = "packets", .type = EVIDENCE_INTEGER, .integer = 6790 },
		{ .name = "destination_port", .type = EVIDENCE_INTEGER, .integer = 4500 },
		{ .name = "message_id", .type = EVIDENCE_INTEGER, .integer = 1234 },
	};
	struct why_list l = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(e) / sizeof(e[0]); i++)
		why_evidence_words(&l, &e[i]);
	assert_string_equal(l.at[0], "median age: 1 min 30 s");
	assert_string_equal(l.at[1], "bytes per SA: 5.3 MB");
	assert_string_equal(l.at[2], "packets: 6,790");
	assert_string_equal(l.at[3], "destination port: 4500");
	assert_string_equal(l.at[4], "message number: 1234");
	why_list_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_condition_says_whose_side_and_what_would_prove_it),
		cmocka_unit_test(no_line_is_about_a_condition_that_does_not_exist),
		cmocka_unit_test(a_line_of_which_a_piece_is_not_known_is_not_told),
		cmocka_unit_test(what_looked_like_a_delete_is_not_called_an_error),
		cmocka_unit_test(a_condition_on_the_evidence_keeps_what_is_not_true_out),
		cmocka_unit_test(the_peer_that_is_not_the_named_one_can_be_spoken_of),
		cmocka_unit_test(units_are_read_from_the_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
