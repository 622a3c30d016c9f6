/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <jansson.h>

#include "report/samples.h"

/* Print one record through `member` and give the line back, parsed and as text. */
#define LINE_OF(p, member, record) \
	(printed_open(p), report_json((p)->out).member((p)->out, record), printed_text(p))

static void a_capture_has_the_fields_of_the_contract_in_their_order(void **state)
{
	struct printed p;
	struct record_capture r = sample_capture();
	const char *const warnings[] = { "the last packet is cut" };

	(void)state;
	r.warnings = warnings;
	r.n_warnings = 1;
	assert_string_equal(LINE_OF(&p, capture, &r),
		"{\"_v\":1,\"type\":\"capture\",\"at\":\"2026-11-22T04:30:51.000000000Z\","
		"\"tunnel\":null,"
		"\"name\":\"a.pcap\",\"kind\":\"file\",\"link_type\":\"EN10MB\","
		"\"first\":\"2026-11-22T04:30:51.000000000Z\","
		"\"last\":\"2026-11-22T04:31:51.000000000Z\","
		"\"packets\":1000,\"bytes\":100000,\"ike_messages\":40,\"esp_packets\":950,"
		"\"ah_packets\":0,"
		"\"keepalives\":2,\"duplicates\":0,\"malformed\":0,\"cut\":0,\"dropped\":null,"
		"\"fragments\":0,"
		"\"warnings\":[\"the last packet is cut\"]}\n");
	printed_close(&p);
}

static void a_tunnel_has_the_fields_of_the_contract_in_their_order(void **state)
{
	struct printed p;
	struct record_tunnel r = sample_tunnel(1);

	(void)state;
	r.behind_nat[0] = 1;
	assert_string_equal(LINE_OF(&p, tunnel, &r),
		"{\"_v\":1,\"type\":\"tunnel\",\"at\":\"2026-11-22T04:30:52.000000000Z\","
		"\"tunnel\":\"192.0.2.1<->198.51.100.2\",\"peers\":[\"192.0.2.1\","
		"\"198.51.100.2\"],\"state\":\"up\","
		"\"since\":\"2026-11-22T04:30:52.000000000Z\",\"nat\":[\"192.0.2.1\"],"
		"\"ike_sas\":1,\"child_sas\":2,"
		"\"alerts\":0}\n");
	printed_close(&p);
}

static void an_ike_sa_has_the_fields_of_the_contract_in_their_order(void **state)
{
	struct printed p;
	struct record_ike_sa r = sample_ike_sa(1);

	(void)state;
	assert_string_equal(LINE_OF(&p, ike_sa, &r),
		"{\"_v\":1,\"type\":\"ike_sa\",\"at\":\"2026-11-22T04:30:52.000000000Z\","
		"\"tunnel\":\"192.0.2.1<->198.51.100.2\",\"version\":2,"
		"\"spi_i\":\"0123456789abcdef\","
		"\"spi_r\":\"fedcba9876543210\",\"initiator\":\"192.0.2.1\","
		"\"responder\":\"198.51.100.2\","
		"\"state\":\"established\",\"origin\":\"observed\",\"parent\":null,"
		"\"created\":\"2026-11-22T04:30:52.000000000Z\","
		"\"established\":\"2026-11-22T04:30:53.000000000Z\","
		"\"ended\":null,\"end_reason\":null,\"ended_by\":null,"
		"\"suite\":{\"encryption\":\"AES-CBC-128\",\"integrity\":\"SHA2-256-128\","
		"\"prf\":\"HMAC-SHA2-256\","
		"\"group\":\"Curve25519\"},"
		"\"offered\":[{\"encryption\":\"AES-CBC\",\"key_bits\":128,"
		"\"integrity\":\"SHA2-256-128\","
		"\"prf\":\"HMAC-SHA2-256\",\"group\":\"Curve25519\",\"auth\":null,"
		"\"life_seconds\":null,"
		"\"life_kilobytes\":null}],\"nat\":{\"initiator\":false,\"responder\":null},"
		"\"vendor_ids\":[\"strongSwan\",\"afcad71368a1f1c96b8696fc77570100\"],"
		"\"grade\":\"observed\"}\n");
	printed_close(&p);
}

/* Its header does not say so; that of IKEv2 does. */
static void who_began_an_ikev1_sa_from_before_the_capture_is_not_known(void **state)
{
	struct printed p;
	struct record_ike_sa r = sample_ike_sa(1);

	(void)state;
	r.origin = ORIGIN_MIDSTREAM;
	assert_non_null(strstr(LINE_OF(&p, ike_sa, &r), "\"initiator\":\"192.0.2.1\""));
	printed_close(&p);
	r.version = 1;
	assert_non_null(strstr(LINE_OF(&p, ike_sa, &r),
			       "\"initiator\":null,\"responder\":null,\"state\""));
	printed_close(&p);
}

static void an_esp_sa_has_the_fields_of_the_contract_in_their_order(void **state)
{
	struct printed p;
	struct record_esp_sa r = sample_esp_sa(1);

	(void)state;
	assert_string_equal(LINE_OF(&p, esp_sa, &r),
		"{\"_v\":1,\"type\":\"esp_sa\",\"at\":\"2026-11-22T04:30:53.000000000Z\","
		"\"tunnel\":\"192.0.2.1<->198.51.100.2\",\"protocol\":\"esp\",\"spi\":\"c1f0a2b3\","
		"\"src\":\"192.0.2.1\",\"dst\":\"198.51.100.2\",\"encap\":\"udp\","
		"\"first\":\"2026-11-22T04:30:53.000000000Z\","
		"\"last\":\"2026-11-22T04:31:23.000000000Z\","
		"\"packets\":300,\"bytes\":45000,\"seq_first\":1,\"seq_last\":303,"
		"\"lost\":3,\"late\":0,"
		"\"duplicates\":0,\"predecessor\":null,\"successor\":\"00000a0b\","
		"\"end_reason\":\"rekeyed\","
		"\"ended_by\":\"198.51.100.2\",\"grade\":\"derived\"}\n");
	printed_close(&p);
}

static void a_child_sa_names_its_two_spis_and_null_for_the_one_never_seen(void **state)
{
	struct printed p;
	struct record_child_sa r = sample_child_sa(1);

	(void)state;
	r.predecessor_spis[1] = 0x11223344;
	assert_string_equal(LINE_OF(&p, child_sa, &r),
		"{\"_v\":1,\"type\":\"child_sa\",\"at\":\"2026-11-22T04:30:53.000000000Z\","
		"\"tunnel\":\"192.0.2.1<->198.51.100.2\",\"sas\":[\"c1f0a2b3\",null],"
		"\"ike_sa\":\"0123456789abcdef:fedcba9876543210\","
		"\"created\":\"2026-11-22T04:30:53.000000000Z\","
		"\"created_by\":\"192.0.2.1\",\"created_how\":\"ike_auth\",\"predecessor\":[null,"
		"\"11223344\"],"
		"\"ended\":\"2026-11-22T04:31:23.000000000Z\",\"end_reason\":\"rekeyed\","
		"\"ended_by\":\"198.51.100.2\","
		"\"grade\":\"derived\"}\n");
	printed_close(&p);
}

static void an_exchange_without_answer_has_null_for_all_that_the_answer_would_tell(void **state)
{
	struct printed p;
	struct record_exchange r = sample_exchange(1);

	(void)state;
	assert_string_equal(LINE_OF(&p, exchange, &r),
		"{\"_v\":1,\"type\":\"exchange\",\"at\":\"2026-11-22T04:30:52.000000000Z\","
		"\"tunnel\":\"192.0.2.1<->198.51.100.2\",\"spi_i\":\"0123456789abcdef\","
		"\"spi_r\":null,"
		"\"kind\":\"IKE_SA_INIT\",\"message_id\":0,\"from\":\"192.0.2.1\","
		"\"request_at\":\"2026-11-22T04:30:52.000000000Z\",\"response_at\":null,"
		"\"requests\":3,\"responses\":0,"
		"\"request_bytes\":240,\"response_bytes\":null,\"rtt_ms\":null,"
		"\"outcome\":\"unanswered\","
		"\"purpose\":\"ike_sa_init\",\"grade\":\"observed\"}\n");
	printed_close(&p);
}

static void an_exchange_of_which_only_the_answer_was_seen_happened_when_it_was_answered(
	void **state)
{
	struct printed p;
	struct record_exchange r = sample_exchange(1);

	(void)state;
	r.response_at = r.request_at;
	r.request_at = NSEC_NONE;
	r.rtt_ns = 1234567;
	assert_non_null(strstr(LINE_OF(&p, exchange, &r), "\"at\":\"2026-11-22T04:30:52."
							  "000000000Z\""));
	assert_non_null(strstr(p.text, "\"request_at\":null"));
	assert_non_null(strstr(p.text, "\"rtt_ms\":1.234567,"));
	printed_close(&p);
}

static void an_event_names_its_frames(void **state)
{
	struct printed p;
	struct record_event r = {
		.capture = 1, .seq = 1, .at = AT(0), .kind = "clock_jump",
		.text = "the clock went back 3 s",
		.n_frames = 2, .frames = { 7, 8 },
	};

	(void)state;
	assert_string_equal(LINE_OF(&p, event, &r),
		"{\"_v\":1,\"type\":\"event\",\"at\":\"2026-11-22T04:30:51.000000000Z\","
		"\"tunnel\":null,"
		"\"kind\":\"clock_jump\",\"text\":\"the clock went back 3 s\",\"frames\":[7,8]}\n");
	printed_close(&p);
}

static void an_alert_has_the_fields_of_the_contract_in_their_order(void **state)
{
	struct printed p;
	struct record_alert r = sample_alert(1);

	(void)state;
	r.n_actions = 1;
	assert_string_equal(LINE_OF(&p, alert, &r),
		"{\"_v\":1,\"type\":\"alert\",\"at\":\"2026-11-22T04:31:41.000000000Z\","
		"\"tunnel\":\"192.0.2.1<->198.51.100.2\",\"id\":4294967297,\"code\":\"spi_churn\","
		"\"severity\":\"critical\",\"confidence\":\"high\",\"status\":\"raised\","
		"\"first\":\"2026-11-22T04:31:01.000000000Z\","
		"\"last\":\"2026-11-22T04:31:41.000000000Z\",\"count\":7,"
		"\"summary\":\"SAs are replaced every 5.1 s, 7 times in 40 s\",\"cause\":null,"
		"\"evidence\":{\"replacements\":7,\"median_age_s\":5.1,\"side\":\"192.0.2.1\"},"
		"\"frames\":[12,345],"
		"\"actions\":[{\"vendor\":\"any\",\"text\":\"Compare the lifetimes of both "
		"sides.\"}]}\n");
	printed_close(&p);
}

static void nat_is_null_while_one_peer_is_unknown_and_none_is_found_behind_it(void **state)
{
	static const struct {
		tristate behind[2];
		const char *text;
	} cases[] = {
		{ { -1, -1 }, "\"nat\":null" }, { { 0, -1 }, "\"nat\":null" }, { { 0, 0 },
		  "\"nat\":[]" },
		{ { -1, 1 }, "\"nat\":[\"198.51.100.2\"]" }, { { 1, 1 },
		  "\"nat\":[\"192.0.2.1\",\"198.51.100.2\"]" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct record_tunnel r = sample_tunnel(1);
		struct printed p;

		memcpy(r.behind_nat, cases[i].behind, sizeof(r.behind_nat));
		assert_non_null(strstr(LINE_OF(&p, tunnel, &r), cases[i].text));
		printed_close(&p);
	}
}

static void strings_from_the_wire_stay_valid_json_without_control_characters(void **state)
{
	static const char *const hostile[] = {
		"\x1b[2J\x07", "\xff\xfe\x80",
		"a\nb\"c\\d", "\xc2\x9b" "31m", "\xe2\x80\xae" "gpj.exe",
		"\xed\xa0\x80", "\xf5\x80\x80\x80", "\xc0\xaf", "caf\xc3",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		struct record_ike_sa r = sample_ike_sa(1);
		struct printed p;

		r.vendor_ids = &hostile[i];
		r.n_vendor_ids = 1;
		LINE_OF(&p, ike_sa, &r);
		assert_int_equal(strcspn(p.text, "\n") + 1, p.length);	/* one line */

		json_t *parsed = json_loads(p.text, 0, NULL);
		const char *shown;

		assert_non_null(parsed);
		shown = json_string_value(json_array_get(json_object_get(parsed, "vendor_ids"), 0));
		for (const char *c = shown; *c; c++)
			assert_true((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
		json_decref(parsed);
		printed_close(&p);
	}
}

static void evidence_that_json_cannot_say_is_null(void **state)
{
	struct printed p;
	struct record_alert r = sample_alert(1);
	const struct record_evidence evidence = { .name = "ratio\xff",
						  .type = EVIDENCE_REAL,
						  .real = 1.0 / 0.0 };

	(void)state;
	r.evidence = &evidence;
	r.n_evidence = 1;
	assert_non_null(strstr(LINE_OF(&p, alert, &r), "\"evidence\":{\"ratio\\\\xff\":null}"));
	printed_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_capture_has_the_fields_of_the_contract_in_their_order),
		cmocka_unit_test(a_tunnel_has_the_fields_of_the_contract_in_their_order),
		cmocka_unit_test(an_ike_sa_has_the_fields_of_the_contract_in_their_order),
		cmocka_unit_test(who_began_an_ikev1_sa_from_before_the_capture_is_not_known),
		cmocka_unit_test(an_esp_sa_has_the_fields_of_the_contract_in_their_order),
		cmocka_unit_test(a_child_sa_names_its_two_spis_and_null_for_the_one_never_seen),
		cmocka_unit_test(
			an_exchange_without_answer_has_null_for_all_that_the_answer_would_tell),
		cmocka_unit_test(
		an_exchange_of_which_only_the_answer_was_seen_happened_when_it_was_answered),
		cmocka_unit_test(an_event_names_its_frames),
		cmocka_unit_test(an_alert_has_the_fields_of_the_contract_in_their_order),
		cmocka_unit_test(nat_is_null_while_one_peer_is_unknown_and_none_is_found_behind_it),
		cmocka_unit_test(strings_from_the_wire_stay_valid_json_without_control_characters),
		cmocka_unit_test(evidence_that_json_cannot_say_is_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
