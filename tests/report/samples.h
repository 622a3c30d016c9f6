/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Records with every field set, for the tests of the report; and what a writer printed. */
#ifndef SAWATCH_TEST_REPORT_SAMPLES_H
#define SAWATCH_TEST_REPORT_SAMPLES_H

#include <stdio.h>
#include <stdlib.h>

#include <sawatch/report.h>

/* 2026-11-22T04:30:51Z */
#define AT(seconds) (INT64_C(1795321851) * NSEC_PER_S + (seconds) * NSEC_PER_S)

static const struct endpoint sample_peers[2] = {
	{ { 0, ADDR_V4_PREFIX | 0xc0000201 }, 0 },	/* 192.0.2.1 */
	{ { 0, ADDR_V4_PREFIX | 0xc6336402 }, 0 },	/* 198.51.100.2 */
};

/* A stream whose text can be looked at. */
struct printed {
	FILE *out;
	char *text;
	size_t length;
};

static inline void printed_open(struct printed *p)
{
	p->out = open_memstream(&p->text, &p->length);
}

static inline const char *printed_text(struct printed *p)
{
	fflush(p->out);
	return p->text;
}

static inline void printed_close(struct printed *p)
{
	fclose(p->out);
	free(p->text);
}

static inline struct record_capture sample_capture(void)
{
	return (struct record_capture){
		.id = 1, .name = "a.pcap", .kind = "file", .link_type = "EN10MB", .first = AT(0),
		.last = AT(60),
		.packets = 1000, .bytes = 100000, .ike_messages = 40, .esp_packets = 950,
		.ah_packets = 0,
		.keepalives = 2, .duplicates = 0, .malformed = 0, .cut = 0,
		.dropped = RECORD_UNKNOWN,
		.fragments = 0, .complete = true,
	};
}

static inline struct record_tunnel sample_tunnel(uint32_t number)
{
	struct record_tunnel r = {
		.id = object_id_of(1, number), .peers = { sample_peers[0], sample_peers[1] },
		.state = TUNNEL_UP,
		.since = AT(1), .first = AT(1), .last = AT(60), .behind_nat = { 0, 0 },
		.ike_sas = 1, .child_sas = 2, .alerts = 0,
	};

	r.peers[1].addr.low += number - 1;
	return r;
}

static inline struct record_ike_sa sample_ike_sa(uint32_t tunnel)
{
	static const char *const vendors[] = { "strongSwan", "afcad71368a1f1c96b8696fc77570100" };
	static const struct record_offer offers[] = {
		{ .encryption = "AES-CBC", .key_bits = 128, .integrity = "SHA2-256-128",
		  .prf = "HMAC-SHA2-256",
		  .group = "Curve25519", .life_seconds = RECORD_UNKNOWN,
		  .life_kilobytes = RECORD_UNKNOWN },
	};

	return (struct record_ike_sa){
		.id = object_id_of(1, 1), .tunnel = object_id_of(1, tunnel),
		.spi_i = 0x0123456789abcdef,
		.spi_r = 0xfedcba9876543210, .version = 2, .initiator = sample_peers[0],
		.responder = sample_peers[1],
		.state = IKE_ESTABLISHED, .origin = ORIGIN_OBSERVED, .created = AT(1),
		.established = AT(2),
		.ended = NSEC_NONE, .last = AT(60), .end_reason = END_NONE, .ended_by = -1,
		.suite = { .encryption = "AES-CBC-128", .integrity = "SHA2-256-128",
		.prf = "HMAC-SHA2-256",
			   .group = "Curve25519" },
		.n_offered = 1, .offered = offers, .nat_initiator = 0, .nat_responder = -1,
		.n_vendor_ids = 2,
		.vendor_ids = vendors, .messages = 4, .grade = GRADE_OBSERVED,
		.peers = sample_peers,
	};
}

static inline struct record_child_sa sample_child_sa(uint32_t tunnel)
{
	return (struct record_child_sa){
		.id = object_id_of(1, 1), .tunnel = object_id_of(1, tunnel),
		.ike_sa = object_id_of(1, 1),
		.ike_spi_i = 0x0123456789abcdef, .ike_spi_r = 0xfedcba9876543210,
		.spis = { 0xc1f0a2b3, 0 }, .state = CHILD_REKEYED, .created = AT(2),
		.created_by = 0,
		.created_how = CREATED_IKE_AUTH, .ended = AT(32), .end_reason = END_REKEYED,
		.ended_by = 1,
		.rekeyed_by = 1, .rekey_at = AT(30), .grade = GRADE_DERIVED, .peers = sample_peers,
	};
}

static inline struct record_esp_sa sample_esp_sa(uint32_t tunnel)
{
	return (struct record_esp_sa){
		.id = object_id_of(1, 1), .tunnel = object_id_of(1, tunnel),
		.protocol = PROTOCOL_ESP, .spi = 0xc1f0a2b3,
		.src = sample_peers[0], .dst = sample_peers[1], .encap = ENCAP_UDP, .generation = 1,
		.first = AT(2),
		.last = AT(32), .packets = 300, .bytes = 45000, .seq_first = 1, .seq_last = 303,
		.lost = 3,
		.late = 0, .duplicates = 0, .successor_spi = 0x00000a0b, .end_reason = END_REKEYED,
		.ended_by = 1,
		.grade = GRADE_DERIVED, .peers = sample_peers,
	};
}

static inline struct record_exchange sample_exchange(uint32_t tunnel)
{
	return (struct record_exchange){
		.id = object_id_of(1, 1), .tunnel = object_id_of(1, tunnel),
		.spi_i = 0x0123456789abcdef,
		.spi_r = 0, .version = 2, .exchange = 34, .kind = "IKE_SA_INIT", .message_id = 0,
		.from = 0,
		.request_at = AT(1), .response_at = NSEC_NONE, .requests = 3, .responses = 0,
		.request_bytes = 240,
		.response_bytes = RECORD_UNKNOWN, .rtt_ns = RECORD_UNKNOWN,
		.outcome = OUTCOME_UNANSWERED,
		.purpose = PURPOSE_IKE_SA_INIT, .grade = GRADE_OBSERVED, .peers = sample_peers,
	};
}

static inline struct record_alert sample_alert(uint32_t tunnel)
{
	static const struct record_evidence evidence[] = {
		{ .name = "replacements", .type = EVIDENCE_INTEGER, .integer = 7 },
		{ .name = "median_age_s", .type = EVIDENCE_REAL, .real = 5.1 },
		{ .name = "side", .type = EVIDENCE_TEXT, .text = "192.0.2.1" },
	};
	static const struct record_action actions[] = {
		{ "any", "Compare the lifetimes of both sides." },
		{ "strongSwan", "swanctl --list-sas" },
		{ "FortiOS", "diagnose vpn tunnel list" },
	};

	return (struct record_alert){
		.id = object_id_of(1, 1), .tunnel = tunnel ? object_id_of(1, tunnel) : 0,
		.code = "spi_churn",
		.severity = SEVERITY_CRITICAL, .confidence = CONFIDENCE_HIGH, .first = AT(10),
		.last = AT(50),
		.raised = AT(20), .cleared_at = NSEC_NONE, .count = 7,
		.summary = "SAs are replaced every 5.1 s, 7 times in 40 s", .cause = NULL,
		.n_evidence = 3, .evidence = evidence, .n_frames = 2, .frames = { 12, 345 },
		.n_actions = 3, .actions = actions, .peers = tunnel ? sample_peers : NULL,
	};
}

#endif
