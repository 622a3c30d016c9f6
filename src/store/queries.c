/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns are taken in the order in which the query names them. */
#include "store/queries.h"

#include <stdlib.h>
#include <string.h>

#include "store/inventory.h"

/* Every object's query begins with these columns: see take_object(). */
#define OBJECT "o.id, o.tunnel_id, t.key_a, t.port_a, t.key_b, t.port_b, "

static bool take_null(struct walk *w)
{
	if (sqlite3_column_type(w->st, w->at) != SQLITE_NULL)
		return false;
	w->at++;
	return true;
}

static int64_t take_integer(struct walk *w)
{
	return sqlite3_column_int64(w->st, w->at++);
}

static int64_t take_known(struct walk *w)
{
	return take_null(w) ? RECORD_UNKNOWN : take_integer(w);
}

static uint64_t take_reference(struct walk *w)	/* NULL gives 0 */
{
	return (uint64_t)take_integer(w);
}

nsec moment_of(sqlite3_stmt *st, int column)
{
	const nsec earliest = -(INT64_C(1) << 61), latest = INT64_C(1) << 62;

	if (sqlite3_column_type(st, column) == SQLITE_NULL)
		return NSEC_NONE;

	nsec at = sqlite3_column_int64(st, column);

	return at < earliest ? earliest : at > latest ? latest : at;
}

static nsec take_time(struct walk *w)
{
	return moment_of(w->st, w->at++);
}

static const char *take_text(struct walk *w)
{
	return (const char *)sqlite3_column_text(w->st, w->at++);
}

static uint64_t take_spi(struct walk *w)
{
	const char *text = take_text(w);

	return text ? strtoull(text, NULL, 16) : 0;
}

static struct endpoint take_endpoint(struct walk *w)
{
	const uint8_t *key = sqlite3_column_blob(w->st, w->at);
	bool whole = sqlite3_column_bytes(w->st, w->at++) == 16;
	uint16_t port = (uint16_t)take_integer(w);

	return (struct endpoint){ whole ? addr_from_bytes(key) : (struct addr){ 0 }, port };
}

/* The value of an enum; a text that a newer program wrote is its first one. */
#define TAKE_ENUM(w, type, name) (enum type)known_value(name##_parse(take_text(w)))
static int known_value(int parsed)
{
	return parsed < 0 ? 0 : parsed;
}

static void take_object(struct walk *w)
{
	w->at = 0;
	w->id = take_reference(w);
	w->has_tunnel = sqlite3_column_type(w->st, w->at) != SQLITE_NULL;
	w->tunnel = take_reference(w);
	w->peers[0] = take_endpoint(w);
	w->peers[1] = take_endpoint(w);
}

static void give_capture(struct walk *w)
{
	struct record_capture r = { 0 };

	w->at = 0;
	r.id = (uint32_t)take_integer(w);
	r.name = take_text(w);
	r.kind = take_text(w);
	r.link_type = take_text(w);
	r.fingerprint = take_text(w);
	r.size = take_known(w);
	r.first = take_time(w);
	r.last = take_time(w);
	r.packets = take_known(w);
	r.bytes = take_known(w);
	r.ike_messages = take_known(w);
	r.esp_packets = take_known(w);
	r.ah_packets = take_known(w);
	r.keepalives = take_known(w);
	r.duplicates = take_known(w);
	r.malformed = take_known(w);
	r.cut = take_known(w);
	r.dropped = take_known(w);
	r.fragments = take_known(w);
	r.warnings = lists_texts(&w->lists, take_text(w), &r.n_warnings);
	r.complete = take_integer(w) != 0;
	w->sink->capture(w->sink->user, &r);
}

static void give_tunnel(struct walk *w)
{
	struct record_tunnel r = { 0 };

	take_object(w);
	r.id = w->id;
	memcpy(r.peers, w->peers, sizeof(r.peers));
	r.network = (uint32_t)take_integer(w);
	r.state = TAKE_ENUM(w, tunnel_state, tunnel_state);
	r.since = take_time(w);
	r.first = take_time(w);
	r.last = take_time(w);
	r.behind_nat[0] = (tristate)take_known(w);
	r.behind_nat[1] = (tristate)take_known(w);
	r.unobservable = lists_texts(&w->lists, take_text(w), &r.n_unobservable);
	r.ike_sas = take_integer(w);
	r.child_sas = take_integer(w);
	r.alerts = take_integer(w);
	r.label = take_text(w);
	w->sink->tunnel(w->sink->user, &r);
}

static void give_ike_sa(struct walk *w)
{
	struct record_ike_sa r = { .peers = w->peers };

	take_object(w);
	r.id = w->id;
	r.tunnel = w->tunnel;
	r.version = (int)take_integer(w);
	r.spi_i = take_spi(w);
	r.spi_r = take_spi(w);
	r.initiator = take_endpoint(w);
	r.responder = take_endpoint(w);
	r.state = TAKE_ENUM(w, ike_state, ike_state);
	r.origin = TAKE_ENUM(w, origin, origin);
	r.parent = take_reference(w);
	r.parent_spi_i = take_spi(w);
	r.parent_spi_r = take_spi(w);
	r.created = take_time(w);
	r.established = take_time(w);
	r.ended = take_time(w);
	r.last = take_time(w);
	r.end_reason = TAKE_ENUM(w, end_reason, end_reason);
	r.ended_by = (int)take_known(w);
	r.suite.encryption = take_text(w);
	r.suite.integrity = take_text(w);
	r.suite.prf = take_text(w);
	r.suite.group = take_text(w);
	r.suite.auth = take_text(w);
	r.suite.key_bits = take_known(w);
	r.suite.life_seconds = take_known(w);
	r.suite.life_kilobytes = take_known(w);
	r.offered = lists_offers(&w->lists, take_text(w), &r.n_offered);
	r.nat_initiator = (tristate)take_known(w);
	r.nat_responder = (tristate)take_known(w);
	r.vendor_ids = lists_texts(&w->lists, take_text(w), &r.n_vendor_ids);
	r.first_frame = take_reference(w);
	r.last_frame = take_reference(w);
	r.messages = take_known(w);
	r.grade = TAKE_ENUM(w, grade, grade);
	w->sink->ike_sa(w->sink->user, &r);
}

static void give_child_sa(struct walk *w)
{
	struct record_child_sa r = { .peers = w->peers };

	take_object(w);
	r.id = w->id;
	r.tunnel = w->tunnel;
	r.ike_sa = take_reference(w);
	r.ike_spi_i = take_spi(w);
	r.ike_spi_r = take_spi(w);
	r.sas[0] = take_reference(w);
	r.sas[1] = take_reference(w);
	r.spis[0] = (uint32_t)take_spi(w);
	r.spis[1] = (uint32_t)take_spi(w);
	r.state = TAKE_ENUM(w, child_state, child_state);
	r.created = take_time(w);
	r.created_by = (int)take_known(w);
	r.created_how = TAKE_ENUM(w, created_how, created_how);
	r.predecessor = take_reference(w);
	r.predecessor_spis[0] = (uint32_t)take_spi(w);
	r.predecessor_spis[1] = (uint32_t)take_spi(w);
	r.ended = take_time(w);
	r.end_reason = TAKE_ENUM(w, end_reason, end_reason);
	r.ended_by = (int)take_known(w);
	r.rekeyed_by = (int)take_known(w);
	r.rekey_at = take_time(w);
	r.grade = TAKE_ENUM(w, grade, grade);
	w->sink->child_sa(w->sink->user, &r);
}

static void give_esp_sa(struct walk *w)
{
	struct record_esp_sa r = { .peers = w->peers };

	take_object(w);
	r.id = w->id;
	r.tunnel = w->tunnel;
	r.protocol = TAKE_ENUM(w, esp_protocol, esp_protocol);
	r.spi = (uint32_t)take_spi(w);
	r.src = take_endpoint(w);
	r.dst = take_endpoint(w);
	r.encap = TAKE_ENUM(w, encap, encap);
	r.generation = (uint32_t)take_integer(w);
	r.first = take_time(w);
	r.last = take_time(w);
	r.packets = take_known(w);
	r.bytes = take_known(w);
	r.seq_first = take_known(w);
	r.seq_last = take_known(w);
	r.lost = take_known(w);
	r.late = take_known(w);
	r.duplicates = take_known(w);
	r.predecessor = take_reference(w);
	r.predecessor_spi = (uint32_t)take_spi(w);
	r.successor = take_reference(w);
	r.successor_spi = (uint32_t)take_spi(w);
	r.end_reason = TAKE_ENUM(w, end_reason, end_reason);
	r.ended_by = (int)take_known(w);
	r.first_frame = take_reference(w);
	r.last_frame = take_reference(w);
	r.grade = TAKE_ENUM(w, grade, grade);
	w->sink->esp_sa(w->sink->user, &r);
}

static void give_exchange(struct walk *w)
{
	struct record_exchange r = { .peers = w->peers };

	take_object(w);
	r.id = w->id;
	r.tunnel = w->tunnel;
	r.ike_sa = take_reference(w);
	r.spi_i = take_spi(w);
	r.spi_r = take_spi(w);
	r.version = (int)take_integer(w);
	r.exchange = (uint8_t)take_integer(w);
	r.kind = take_text(w);
	r.message_id = (uint32_t)take_integer(w);
	r.from = (int)take_known(w);
	r.request_at = take_time(w);
	r.response_at = take_time(w);
	r.requests = take_known(w);
	r.responses = take_known(w);
	r.request_bytes = take_known(w);
	r.response_bytes = take_known(w);
	r.rtt_ns = take_known(w);
	r.outcome = TAKE_ENUM(w, exchange_outcome, exchange_outcome);
	r.purpose = TAKE_ENUM(w, exchange_purpose, exchange_purpose);
	r.request_frame = take_reference(w);
	r.response_frame = take_reference(w);
	r.grade = TAKE_ENUM(w, grade, grade);
	w->sink->exchange(w->sink->user, &r);
}

static void give_event(struct walk *w)
{
	struct record_event r = { 0 };

	take_object(w);
	r.capture = (uint32_t)(w->id >> 32);
	r.seq = (uint32_t)w->id;
	r.tunnel = w->tunnel;
	r.peers = w->has_tunnel ? w->peers : NULL;
	r.at = take_time(w);
	r.kind = take_text(w);
	r.text = take_text(w);
	r.n_frames = lists_frames(&w->lists, take_text(w), r.frames);
	w->sink->event(w->sink->user, &r);
}

static void give_alert(struct walk *w)
{
	struct record_alert r = { 0 };

	take_object(w);
	r.id = w->id;
	r.tunnel = w->tunnel;
	r.peers = w->has_tunnel ? w->peers : NULL;
	r.code = take_text(w);
	r.severity = TAKE_ENUM(w, severity, severity);
	r.confidence = TAKE_ENUM(w, confidence, confidence);
	r.cleared = strcmp(take_text(w), "cleared") == 0;
	r.first = take_time(w);
	r.last = take_time(w);
	r.raised = take_time(w);
	r.cleared_at = take_time(w);
	r.count = take_known(w);
	r.summary = take_text(w);
	r.cause = take_text(w);
	r.incident = take_reference(w);
	r.evidence = lists_evidence(&w->lists, take_text(w), &r.n_evidence);
	r.n_frames = lists_frames(&w->lists, take_text(w), r.frames);
	r.actions = lists_actions(&w->lists, take_text(w), &r.n_actions);
	w->sink->alert(w->sink->user, &r);
}

static void give_traffic(struct walk *w)
{
	struct record_traffic r = { 0 };

	take_object(w);
	r.esp_sa = w->id;
	r.tunnel = w->tunnel;
	r.bucket = take_time(w);
	r.packets = take_known(w);
	r.bytes = take_known(w);
	r.lost = take_known(w);
	w->sink->traffic(w->sink->user, &r);
}

/* Of the tunnel at hand, in the captures of the scope. */
#define COUNT_OF(table) \
	"(SELECT count(*) FROM " table " x WHERE x.tunnel_id = o.id AND" \
	" (?2 IS NULL OR x.id >> 32 IN (SELECT value FROM json_each(?2))))"

const struct query store_queries[KINDS] = {
	[CAPTURE] = {
		"o.id, o.name, o.kind, o.link_type, o.fingerprint, o.size, o.first_ns, o.last_ns, "
		"o.packets, o.bytes, o.ike_messages, o.esp_packets, o.ah_packets, o.keepalives, "
		"o.duplicates, o.malformed, o.cut, o.dropped, o.fragments, o.warnings, o.complete",
		"capture", "o.first_ns", "o.last_ns", give_capture,
	},
	[TUNNEL] = {
		"o.id, o.id, o.key_a, o.port_a, o.key_b, o.port_b, o.network, o.state,"
		" o.since_ns, o.first_ns, o.last_ns,"
		" o.behind_nat_a, o.behind_nat_b, o.unobservable, " COUNT_OF("ike_sa") ", "
		COUNT_OF("child_sa") ", " COUNT_OF("alert") ", (SELECT x.label FROM expected x"
		" WHERE " INVENTORY_ENTRY_OF("x", "o") ")",
		"tunnel", "o.first_ns", "o.last_ns", give_tunnel,
	},
	[IKE_SA] = {
		OBJECT "o.version, o.spi_i, o.spi_r, o.initiator_key, o.initiator_port,"
		" o.responder_key, o.responder_port, o.state, o.origin, o.parent_id,"
		" o.parent_spi_i, o.parent_spi_r, o.created_ns, o.established_ns, o.ended_ns,"
		" o.last_ns, o.end_reason, o.ended_by, o.suite_encryption, o.suite_integrity,"
		" o.suite_prf, o.suite_group, o.suite_auth, o.suite_key_bits,"
		" o.suite_life_seconds, o.suite_life_kilobytes, o.offered, o.nat_initiator,"
		" o.nat_responder, o.vendor_ids, o.first_frame, o.last_frame, o.messages,"
		" o.grade",
		"ike_sa", "coalesce(o.created_ns, o.established_ns, o.last_ns)",
		"coalesce(o.last_ns, o.ended_ns, o.established_ns, o.created_ns)", give_ike_sa,
	},
	[CHILD_SA] = {
		OBJECT "o.ike_sa_id, o.ike_spi_i, o.ike_spi_r, o.esp_sa_a_id, o.esp_sa_b_id,"
		" o.spi_a, o.spi_b, o.state, o.created_ns, o.created_by, o.created_how,"
		" o.predecessor_id, o.predecessor_spi_a, o.predecessor_spi_b, o.ended_ns,"
		" o.end_reason, o.ended_by, o.rekeyed_by, o.rekey_ns, o.grade",
		"child_sa", "coalesce(o.created_ns, o.ended_ns)",
		/* living until it ends */
		"coalesce(o.ended_ns, 9223372036854775807)", give_child_sa,
	},
	[ESP_SA] = {
		OBJECT "o.protocol, o.spi, o.src_key, o.src_port, o.dst_key, o.dst_port,"
		" o.encap, o.generation, o.first_ns, o.last_ns, o.packets, o.bytes, o.seq_first,"
		" o.seq_last, o.lost, o.late, o.duplicates, o.predecessor_id, o.predecessor_spi,"
		" o.successor_id, o.successor_spi, o.end_reason, o.ended_by, o.first_frame,"
		" o.last_frame, o.grade",
		"esp_sa", "o.first_ns", "o.last_ns", give_esp_sa,
	},
	[EXCHANGE] = {
		OBJECT "o.ike_sa_id, o.spi_i, o.spi_r, o.version, o.exchange_type, o.kind,"
		" o.message_id, o.from_side, o.request_ns, o.response_ns, o.requests,"
		" o.responses, o.request_bytes, o.response_bytes, o.rtt_ns, o.outcome,"
		" o.purpose, o.request_frame, o.response_frame, o.grade",
		"exchange", "coalesce(o.request_ns, o.response_ns)",
		"coalesce(o.response_ns, o.request_ns)", give_exchange,
	},
	[EVENT] = {
		OBJECT "o.at_ns, o.kind, o.text, o.frames",
		"event", "o.at_ns", "o.at_ns", give_event,
	},
	[ALERT] = {
		OBJECT "o.code, o.severity, o.confidence, o.status, o.first_ns, o.last_ns,"
		" o.raised_ns, o.cleared_ns, o.count, o.summary, o.cause, o.incident_id,"
		" o.evidence, o.frames, o.actions",
		"alert", "coalesce(o.first_ns, o.raised_ns)", "coalesce(o.last_ns, o.raised_ns)",
		give_alert,
	},
	[TRAFFIC] = {
		OBJECT "b.bucket_ns, b.packets, b.bytes, b.lost",
		"traffic", "b.bucket_ns", "b.bucket_ns + b.span_s * 1000000000 - 1", give_traffic,
	},
};

void store_take_lifetime(struct walk *w, struct store_lifetime *ret)
{
	w->at = 0;
	ret->tunnel = take_text(w);
	ret->kind = take_text(w);
	ret->side = take_text(w);
	ret->rekeys = take_integer(w);
	ret->min_ns = take_known(w);
	ret->median_ns = take_known(w);
	ret->max_ns = take_known(w);
	ret->who_rekeys = take_text(w);
	ret->expected_ns = take_known(w);
	ret->expected_grade = take_text(w);
	ret->ended_by = take_text(w);
}
