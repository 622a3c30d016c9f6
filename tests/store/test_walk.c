/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/spoken.h"

#include <math.h>

/* ---- one record of every kind ---- */

static const char *const texts[] = { "two \"words\"", "back\\slash, tab\t, [1,{}]" };

static const struct record_capture full_capture = {
	.id = 1, .name = "x.pcap", .kind = "file", .link_type = "EN10MB", .fingerprint = "aa",
	.size = 1000, .first = T0,
	.last = T0 + 9, .packets = 1, .bytes = 2, .ike_messages = 3, .esp_packets = 4,
	.ah_packets = 5, .keepalives = 6,
	.duplicates = 7, .malformed = 8, .cut = 9, .dropped = 10, .fragments = 11, .n_warnings = 2,
	.warnings = texts,
	.complete = true,
};
static const struct record_tunnel full_tunnel = {
	.id = UINT64_C(1) << 32 | 1, .peers = { { { 0, ADDR_V4_PREFIX | 0xc0000201 }, 0 },
	{ { 0, ADDR_V4_PREFIX | 0xc6336402 }, 0 } }, .network = 7, .state = TUNNEL_DEGRADED,
	  .since = T0 + 5, .first = T0,
	.last = T0 + 9, .behind_nat = { 1, 0 }, .ike_sas = 1, .child_sas = 1, .alerts = 1,
	.n_unobservable = 2,
	.unobservable = texts,
};
static const struct record_offer offers[] = {
	{ "AES_CBC", "SHA1", "HMAC", "MODP_2048", "PSK", 256, 28800, 4608000 },
	{ NULL, NULL, NULL, NULL, NULL, RECORD_UNKNOWN, RECORD_UNKNOWN, RECORD_UNKNOWN },
};
static const struct record_ike_sa full_ike_sa = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1, .spi_i = 0xf123456789abcdef,
	.spi_r = 2, .version = 1,
	.initiator = { { 0, ADDR_V4_PREFIX | 0xc6336402 }, 4500 },
	.responder = { { 0x20010db8, 1 }, 500 },
	.state = IKE_REKEYED, .origin = ORIGIN_REKEY, .parent = UINT64_C(1) << 32 | 9,
	.parent_spi_i = 11, .parent_spi_r = 12,
	.created = T0, .established = T0 + 1, .ended = T0 + 2, .last = T0 + 3,
	.end_reason = END_PEER_LOST, .ended_by = 1,
	.suite = { "AES_CBC", "SHA1", "HMAC", "MODP_2048", "PSK", 256, 28800, 4608000 },
	.n_offered = 2, .offered = offers,
	.nat_initiator = 1, .nat_responder = 0, .n_vendor_ids = 2, .vendor_ids = texts,
	.first_frame = 1, .last_frame = 99,
	.messages = 12, .grade = GRADE_OBSERVED, .peers = sample_peers,
};
static const struct record_esp_sa full_esp_sa = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1, .protocol = PROTOCOL_AH,
	.spi = 0xfedcba98,
	.src = { { 0, ADDR_V4_PREFIX | 0xc6336402 }, 4500 },
	.dst = { { 0, ADDR_V4_PREFIX | 0xc0000201 }, 4501 },
	.encap = ENCAP_UDP, .generation = 3, .first = T0, .last = T0 + 8, .packets = 1,
	.bytes = INT64_MAX, .seq_first = 3,
	.seq_last = 4294967295, .lost = 5, .late = 6, .duplicates = 7,
	.predecessor = UINT64_C(1) << 32 | 5,
	.predecessor_spi = 8, .successor = UINT64_C(1) << 32 | 6, .successor_spi = 9,
	.end_reason = END_REKEYED, .ended_by = 0,
	.first_frame = 10, .last_frame = 11, .grade = GRADE_INFERRED, .peers = sample_peers,
};
static const struct record_child_sa full_child_sa = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1,
	.ike_sa = UINT64_C(1) << 32 | 1, .ike_spi_i = 1,
	.ike_spi_r = 2, .sas = { UINT64_C(1) << 32 | 1, UINT64_C(1) << 32 | 2 },
	.spis = { 0xfedcba98, 0x12 },
	.state = CHILD_REKEYED, .created = T0 + 1, .created_by = 1,
	.created_how = CREATED_QUICK_MODE,
	.predecessor = UINT64_C(1) << 32 | 3, .predecessor_spis = { 3, 4 }, .ended = T0 + 7,
	.end_reason = END_SUPERSEDED,
	.ended_by = 0, .rekeyed_by = 1, .rekey_at = T0 + 6, .grade = GRADE_DERIVED,
	.peers = sample_peers,
};
static const struct record_exchange full_exchange = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1,
	.ike_sa = UINT64_C(1) << 32 | 1, .spi_i = 1, .spi_r = 2,
	.version = 2, .exchange = 36, .kind = "CREATE_CHILD_SA", .message_id = 4294967295,
	.from = 1, .request_at = T0 + 1,
	.response_at = T0 + 2, .requests = 3, .responses = 1, .request_bytes = 300,
	.response_bytes = 200, .rtt_ns = 1,
	.outcome = OUTCOME_ANSWERED, .purpose = PURPOSE_REKEY_CHILD, .request_frame = 8,
	.response_frame = 9,
	.grade = GRADE_INFERRED, .peers = sample_peers,
};
static const struct record_evidence evidence[] = {
	{ "copies", EVIDENCE_INTEGER, INT64_C(-9007199254740993), 0, NULL },
	{ "ratio", EVIDENCE_REAL, 0, 0.1, NULL },
	{ "whole_s", EVIDENCE_REAL, 0, 3.0, NULL },
	{ "said", EVIDENCE_TEXT, 0, 0, "it \"said\" \\ 1" },
	{ "digits", EVIDENCE_TEXT, 0, 0, "12" },
	{ "nothing", EVIDENCE_TEXT, 0, 0, NULL },
};
static const struct record_action actions[] = {
	{ "any", "look" }, { "Cisco ASA", "show crypto ikev2 sa | include \"READY\"" },
};
static const struct record_alert full_alert = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1, .code = "spi_churn",
	.severity = SEVERITY_CRITICAL,
	.confidence = CONFIDENCE_HIGH, .cleared = true, .first = T0 + 1, .last = T0 + 4,
	.raised = T0 + 2,
	.cleared_at = T0 + 5, .count = 3, .summary = "9 SPIs in 60 s", .cause = "duplicate_ike_sa",
	.incident = UINT64_C(1) << 32 | 4, .n_evidence = 6, .evidence = evidence,
	.n_frames = RECORD_FRAMES_MAX,
	.frames = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, INT64_MAX }, .n_actions = 2,
	.actions = actions,
	.peers = sample_peers,
};

static void write_full(struct store *s, bool tunnel_first)
{
	struct record_traffic traffic = { full_esp_sa.id, full_tunnel.id, T0, 5, 6, 7 };
	struct record_event event = sample_event(1, 1);
	struct err e = { "" };

	sample_capture(s, "aa");
	if (tunnel_first)
		assert_ok(store_tunnel(s, &full_tunnel, &e), e);
	assert_ok(store_traffic(s, &traffic, &e), e);
	assert_ok(store_event(s, &event, &e), e);
	assert_ok(store_exchange(s, &full_exchange, &e), e);
	assert_ok(store_child_sa(s, &full_child_sa, &e), e);
	assert_ok(store_esp_sa(s, &full_esp_sa, &e), e);
	assert_ok(store_ike_sa(s, &full_ike_sa, &e), e);
	assert_ok(store_alert(s, &full_alert, &e), e);
	if (!tunnel_first)
		assert_ok(store_tunnel(s, &full_tunnel, &e), e);
	assert_ok(store_capture(s, &full_capture, &e), e);
}

/* What the sink says of the records as they were written. */
static char *spoken_full(void)
{
	struct record_traffic traffic = { full_esp_sa.id, full_tunnel.id, T0, 5, 6, 7 };
	struct record_event event = sample_event(1, 1);

	lines_begin();
	on_capture(NULL, &full_capture);
	on_tunnel(NULL, &full_tunnel);
	on_ike_sa(NULL, &full_ike_sa);
	on_child_sa(NULL, &full_child_sa);
	on_esp_sa(NULL, &full_esp_sa);
	on_exchange(NULL, &full_exchange);
	on_event(NULL, &event);
	on_alert(NULL, &full_alert);
	on_traffic(NULL, &traffic);
	return strdup(lines_end());
}

static void every_record_comes_back_as_it_was_written(void **state)
{
	const char *path = scratch_path("full.db");
	struct store *s = sample_open(path);
	struct err e = { "" };
	char *expected = spoken_full();

	(void)state;
	write_full(s, true);
	assert_string_equal(walk(s, NULL), expected);	/* by the writer itself */
	sample_close(s);
	assert_ok(store_open(&s, path, STORE_READ, NULL, &e), e);
	assert_string_equal(walk(s, NULL), expected);	/* and by another */
	sample_close(s);
	free(expected);
}

static void records_may_come_before_their_tunnel(void **state)
{
	struct store *s = sample_open(NULL);
	char *expected = spoken_full();

	(void)state;
	write_full(s, false);
	assert_string_equal(walk(s, NULL), expected);
	sample_close(s);
	free(expected);
}

static void what_is_not_known_comes_back_as_not_known(void **state)
{
	const object_id one = object_id_of(1, 1);
	struct record_capture capture = {
		.id = 1, .name = "x.pcap", .kind = "file", .fingerprint = "aa", .size = -1,
		.first = NSEC_NONE,
		.last = NSEC_NONE, .packets = -1, .bytes = -1, .ike_messages = -1,
		.esp_packets = -1, .ah_packets = -1,
		.keepalives = -1, .duplicates = -1, .malformed = -1, .cut = -1, .dropped = -1,
		.fragments = -1,
	};
	struct record_tunnel tunnel = {
		.id = one, .peers = { sample_peers[0], sample_peers[1] }, .since = NSEC_NONE,
		.first = NSEC_NONE,
		.last = NSEC_NONE, .behind_nat = { -1, -1 }, .ike_sas = 1, .child_sas = 1,
		.alerts = 1,
	};
	const struct record_offer none = { .key_bits = -1,
					   .life_seconds = -1,
					   .life_kilobytes = -1 };
	struct record_ike_sa ike_sa = {
		.id = one, .tunnel = one, .spi_i = 1, .version = 2, .initiator = sample_peers[0],
		.responder = sample_peers[1], .created = NSEC_NONE, .established = NSEC_NONE,
		.ended = NSEC_NONE,
		.last = NSEC_NONE, .end_reason = END_NONE, .ended_by = -1, .suite = none,
		.nat_initiator = -1,
		.nat_responder = -1, .messages = -1, .grade = GRADE_UNKNOWN, .peers = sample_peers,
	};
	struct record_esp_sa esp_sa = {
		.id = one, .tunnel = one, .spi = 1, .src = sample_peers[0], .dst = sample_peers[1],
		.first = NSEC_NONE,
		.last = NSEC_NONE, .packets = -1, .bytes = -1, .seq_first = -1, .seq_last = -1,
		.lost = -1, .late = -1,
		.duplicates = -1, .end_reason = END_NONE, .ended_by = -1, .peers = sample_peers,
	};
	struct record_child_sa child_sa = {
		.id = one, .tunnel = one, .created = NSEC_NONE, .created_by = -1,
		.ended = NSEC_NONE,
		.end_reason = END_NONE, .ended_by = -1, .rekeyed_by = -1, .rekey_at = NSEC_NONE,
		.peers = sample_peers,
	};
	struct record_exchange exchange = {
		.id = one, .tunnel = one, .spi_i = 1, .version = 2, .exchange = 37,
		.kind = "INFORMATIONAL", .from = -1,
		.request_at = NSEC_NONE, .response_at = NSEC_NONE, .requests = -1, .responses = -1,
		.request_bytes = -1,
		.response_bytes = -1, .rtt_ns = -1, .peers = sample_peers,
	};
	struct record_event event = {
		.capture = 1, .seq = 1, .at = NSEC_NONE, .kind = "clock_jump", .text = ""
	};
	struct record_alert alert = {
		.id = one, .tunnel = one, .code = "ike_flap", .first = NSEC_NONE, .last = NSEC_NONE,
		.raised = NSEC_NONE, .cleared_at = NSEC_NONE, .count = -1, .summary = "",
		.peers = sample_peers,
	};
	struct store *s = sample_open(NULL);
	struct err e = { "" };

	(void)state;
	lines_begin();
	on_capture(NULL, &capture);
	on_tunnel(NULL, &tunnel);
	on_ike_sa(NULL, &ike_sa);
	on_child_sa(NULL, &child_sa);
	on_esp_sa(NULL, &esp_sa);
	on_exchange(NULL, &exchange);
	on_event(NULL, &event);
	on_alert(NULL, &alert);

	char *expected = strdup(lines_end());

	sample_capture(s, "aa");
	assert_ok(store_capture(s, &capture, &e), e);
	assert_ok(store_tunnel(s, &tunnel, &e), e);
	assert_ok(store_ike_sa(s, &ike_sa, &e), e);
	assert_ok(store_child_sa(s, &child_sa, &e), e);
	assert_ok(store_esp_sa(s, &esp_sa, &e), e);
	assert_ok(store_exchange(s, &exchange, &e), e);
	assert_ok(store_event(s, &event, &e), e);
	assert_ok(store_alert(s, &alert, &e), e);
	assert_string_equal(walk(s, NULL), expected);
	sample_close(s);
	free(expected);
}

static void a_number_that_json_cannot_say_is_kept_as_nothing(void **state)
{
	const struct record_evidence strange[] = { { "ratio", EVIDENCE_REAL, 0, (double)NAN,
	NULL } };
	struct record_alert alert = full_alert;
	struct store *s = sample_open(NULL);
	struct err e = { "" };

	(void)state;
	alert.evidence = strange;
	alert.n_evidence = 1;
	assert_ok(store_alert(s, &alert, &e), e);
	assert_non_null(strstr(walk(s, NULL), " ratio:tNULL "));
	sample_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_comes_back_as_it_was_written),
		cmocka_unit_test(records_may_come_before_their_tunnel),
		cmocka_unit_test(what_is_not_known_comes_back_as_not_known),
		cmocka_unit_test(a_number_that_json_cannot_say_is_kept_as_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
