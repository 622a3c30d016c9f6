/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The history as records again.  One query per kind, put together from fixed
 * parts; whatever the caller says is bound.  Parameters, of which a query uses
 * those that its scope needs:
 *	?1 tunnel rows (JSON)  ?2 capture ids (JSON)  ?3 since  ?4 until
 *	?5 code  ?6 least severity  ?7 alert
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/text.h>

#include "store/lists.h"
#include "store/store_parts.h"

/* Every object's query begins with these columns: see take_object(). */
#define OBJECT "o.id, o.tunnel_id, t.key_a, t.port_a, t.key_b, t.port_b, "

/* Objects born in the captures of the scope: a range of rowids each. */
#define CAPTURES "(SELECT DISTINCT value AS capture FROM json_each(?2)) k CROSS JOIN "
#define BORN " o.id BETWEEN k.capture << 32 AND k.capture << 32 | 0xffffffff "

struct walk {
	struct store *s;
	const struct store_scope *scope;
	const struct record_sink *sink;
	sqlite3_stmt *st;
	int at;			/* column to be taken next */
	struct lists lists;
	struct json_text tunnels, captures;	/* of the scope */
	struct endpoint peers[2];
	bool has_tunnel;
	object_id id, tunnel;
};

/* What one kind of record is read from. */
struct query {
	const char *columns;
	const char *table;
	const char *born, *heard;	/* its first and last moment */
	void (*give)(struct walk *w);
};

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

static nsec take_time(struct walk *w)
{
	return take_null(w) ? NSEC_NONE : take_integer(w);
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
#define COUNT_OF(table)                                                                                     \
	"(SELECT count(*) FROM " table " x WHERE x.tunnel_id = o.id AND"                                     \
	" (?2 IS NULL OR x.id >> 32 IN (SELECT value FROM json_each(?2))))"

enum kind { CAPTURE, TUNNEL, IKE_SA, CHILD_SA, ESP_SA, EXCHANGE, EVENT, ALERT, TRAFFIC, KINDS };

static const struct query queries[KINDS] = {
	[CAPTURE] = {
		"o.id, o.name, o.kind, o.link_type, o.fingerprint, o.size, o.first_ns, o.last_ns, o.packets, o.bytes,"
		" o.ike_messages, o.esp_packets, o.ah_packets, o.keepalives, o.duplicates, o.malformed, o.cut, o.dropped,"
		" o.fragments, o.warnings, o.complete",
		"capture", "o.first_ns", "o.last_ns", give_capture,
	},
	[TUNNEL] = {
		"o.id, o.id, o.key_a, o.port_a, o.key_b, o.port_b, o.network, o.state, o.since_ns, o.first_ns, o.last_ns,"
		" o.behind_nat_a, o.behind_nat_b, o.unobservable, " COUNT_OF("ike_sa") ", " COUNT_OF("child_sa") ", "
		COUNT_OF("alert"),
		"tunnel", "o.first_ns", "o.last_ns", give_tunnel,
	},
	[IKE_SA] = {
		OBJECT "o.version, o.spi_i, o.spi_r, o.initiator_key, o.initiator_port, o.responder_key, o.responder_port,"
		" o.state, o.origin, o.parent_id, o.parent_spi_i, o.parent_spi_r, o.created_ns, o.established_ns,"
		" o.ended_ns, o.last_ns, o.end_reason, o.ended_by, o.suite_encryption, o.suite_integrity, o.suite_prf,"
		" o.suite_group, o.suite_auth, o.suite_key_bits, o.suite_life_seconds, o.suite_life_kilobytes, o.offered,"
		" o.nat_initiator, o.nat_responder, o.vendor_ids, o.first_frame, o.last_frame, o.messages, o.grade",
		"ike_sa", "coalesce(o.created_ns, o.established_ns, o.last_ns)",
		"coalesce(o.last_ns, o.ended_ns, o.established_ns, o.created_ns)", give_ike_sa,
	},
	[CHILD_SA] = {
		OBJECT "o.ike_sa_id, o.ike_spi_i, o.ike_spi_r, o.esp_sa_a_id, o.esp_sa_b_id, o.spi_a, o.spi_b, o.state,"
		" o.created_ns, o.created_by, o.created_how, o.predecessor_id, o.predecessor_spi_a, o.predecessor_spi_b,"
		" o.ended_ns, o.end_reason, o.ended_by, o.rekeyed_by, o.rekey_ns, o.grade",
		"child_sa", "coalesce(o.created_ns, o.ended_ns)",
		"coalesce(o.ended_ns, 9223372036854775807)", give_child_sa,	/* living until it ends */
	},
	[ESP_SA] = {
		OBJECT "o.protocol, o.spi, o.src_key, o.src_port, o.dst_key, o.dst_port, o.encap, o.generation, o.first_ns,"
		" o.last_ns, o.packets, o.bytes, o.seq_first, o.seq_last, o.lost, o.late, o.duplicates, o.predecessor_id,"
		" o.predecessor_spi, o.successor_id, o.successor_spi, o.end_reason, o.ended_by, o.first_frame,"
		" o.last_frame, o.grade",
		"esp_sa", "o.first_ns", "o.last_ns", give_esp_sa,
	},
	[EXCHANGE] = {
		OBJECT "o.ike_sa_id, o.spi_i, o.spi_r, o.version, o.exchange_type, o.kind, o.message_id, o.from_side,"
		" o.request_ns, o.response_ns, o.requests, o.responses, o.request_bytes, o.response_bytes, o.rtt_ns,"
		" o.outcome, o.purpose, o.request_frame, o.response_frame, o.grade",
		"exchange", "coalesce(o.request_ns, o.response_ns)", "coalesce(o.response_ns, o.request_ns)", give_exchange,
	},
	[EVENT] = {
		OBJECT "o.at_ns, o.kind, o.text, o.frames",
		"event", "o.at_ns", "o.at_ns", give_event,
	},
	[ALERT] = {
		OBJECT "o.code, o.severity, o.confidence, o.status, o.first_ns, o.last_ns, o.raised_ns, o.cleared_ns, o.count,"
		" o.summary, o.cause, o.incident_id, o.evidence, o.frames, o.actions",
		"alert", "coalesce(o.first_ns, o.raised_ns)", "coalesce(o.last_ns, o.raised_ns)", give_alert,
	},
	[TRAFFIC] = {
		OBJECT "b.bucket_ns, b.packets, b.bytes, b.lost",
		"traffic", "b.bucket_ns", "b.bucket_ns + b.span_s * 1000000000 - 1", give_traffic,
	},
};

/* From what, joined to what. */
static void add_source(const struct walk *w, enum kind kind, struct text *sql)
{
	const char *captures = w->scope->captures ? CAPTURES : "";

	switch (kind) {
	case CAPTURE:
		text_add(sql, " FROM capture o WHERE true%s",
			 w->scope->captures ? " AND o.id IN (SELECT value FROM json_each(?2))" : "");
		return;
	case TUNNEL:
		text_add(sql, " FROM tunnel o WHERE true");
		if (!w->scope->captures)
			return;
		text_add(sql, " AND o.id IN (");	/* of any object born there */
		for (enum kind k = IKE_SA; k <= ALERT; k++)
			text_add(sql, "%sSELECT o.tunnel_id FROM " CAPTURES "%s o WHERE" BORN,
				 k == IKE_SA ? "" : " UNION ", queries[k].table);
		text_add(sql, ")");
		return;
	case TRAFFIC:
		text_add(sql, " FROM %sesp_sa o CROSS JOIN traffic b ON b.esp_sa_id = o.id"
			      " LEFT JOIN tunnel t ON t.id = o.tunnel_id WHERE b.span_s = 60", captures);
		break;
	case IKE_SA: case CHILD_SA: case ESP_SA: case EXCHANGE: case EVENT: case ALERT:
		text_add(sql, " FROM %s%s o LEFT JOIN tunnel t ON t.id = o.tunnel_id WHERE true", captures,
			 queries[kind].table);
		break;
	case KINDS:
		break;
	}
	if (w->scope->captures)
		text_add(sql, " AND" BORN);
}

static void build(const struct walk *w, enum kind kind, struct text *sql)
{
	const struct query *q = &queries[kind];
	const struct store_scope *c = w->scope;

	text_add(sql, "SELECT %s", q->columns);
	add_source(w, kind, sql);
	if (c->tunnel && kind != CAPTURE)
		text_add(sql, " AND o.%s IN (SELECT value FROM json_each(?1))", kind == TUNNEL ? "id" : "tunnel_id");
	if (c->since != NSEC_NONE)
		text_add(sql, " AND %s >= ?3", q->heard);
	if (c->until != NSEC_NONE)
		text_add(sql, " AND %s < ?4", q->born);
	if (kind == ALERT && c->code)
		text_add(sql, " AND o.code = ?5");
	if (kind == ALERT && c->min_severity > SEVERITY_INFO)
		text_add(sql, " AND CASE o.severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END >= ?6");
	if (kind == ALERT && c->alert_row != 0)
		text_add(sql, " AND o.id = ?7");
	text_add(sql, " ORDER BY %s, o.id", q->born);
}

static int bind_scope(const struct walk *w)
{
	const struct store_scope *c = w->scope;
	int n = sqlite3_bind_parameter_count(w->st);	/* the highest number in this query */

	if (n >= 1)
		sqlite3_bind_text(w->st, 1, w->tunnels.at, -1, SQLITE_STATIC);
	if (n >= 2)
		sqlite3_bind_text(w->st, 2, c->captures ? w->captures.at : NULL, -1, SQLITE_STATIC);
	if (n >= 3)
		sqlite3_bind_int64(w->st, 3, c->since);
	if (n >= 4)
		sqlite3_bind_int64(w->st, 4, c->until);
	if (n >= 5)
		sqlite3_bind_text(w->st, 5, c->code, -1, SQLITE_STATIC);
	if (n >= 6)
		sqlite3_bind_int(w->st, 6, c->min_severity);
	return n >= 7 ? sqlite3_bind_int64(w->st, 7, c->alert_row) : SQLITE_OK;
}

static bool walk_kind(struct walk *w, enum kind kind, struct err *e)
{
	char buffer[4096];
	struct text sql = TEXT_IN(buffer);

	build(w, kind, &sql);

	int rc = sql.cut ? SQLITE_TOOBIG : sqlite3_prepare_v2(w->s->db, buffer, -1, &w->st, NULL);

	if (rc == SQLITE_OK)
		rc = bind_scope(w);
	while (rc == SQLITE_OK && (rc = sqlite3_step(w->st)) == SQLITE_ROW) {
		queries[kind].give(w);
		lists_clear(&w->lists);
		rc = w->lists.rc;
	}
	bool ok = rc == SQLITE_DONE || store_fault(w->s, rc, e);

	sqlite3_finalize(w->st);
	w->st = NULL;
	return ok;
}

/* Rows of the tunnels that `scope->tunnel` can mean. */
static bool find_tunnels(struct walk *w, struct err *e)
{
	struct addr addr;
	uint8_t key[16];
	int rc;

	json_text_clear(&w->tunnels);
	json_text_mark(&w->tunnels, '[');
	rc = sqlite3_prepare_v2(w->s->db,
		"SELECT id FROM tunnel WHERE ?1 IN (name, peer_b || '<->' || peer_a, CAST(id AS TEXT),"
		" peer_a, peer_b) OR ?2 IN (key_a, key_b) ORDER BY id", -1, &w->st, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(w->st, 1, w->scope->tunnel, -1, SQLITE_STATIC);
		if (w->scope->tunnel && addr_parse(w->scope->tunnel, &addr)) {
			addr_bytes(addr, key);
			sqlite3_bind_blob(w->st, 2, key, sizeof(key), SQLITE_STATIC);
		}
		while ((rc = sqlite3_step(w->st)) == SQLITE_ROW)
			json_text_integer(&w->tunnels, sqlite3_column_int64(w->st, 0));
	}
	json_text_mark(&w->tunnels, ']');
	bool ok = rc == SQLITE_DONE || store_fault(w->s, rc, e);

	sqlite3_finalize(w->st);
	w->st = NULL;
	return ok && (!w->tunnels.failed || err_set(e, "out of memory"));
}

static bool begin(struct walk *w, struct store *s, const struct store_scope *scope, struct err *e)
{
	static const struct store_scope all = { .since = NSEC_NONE, .until = NSEC_NONE };

	*w = (struct walk){ .s = s, .scope = scope ? scope : &all };
	json_text_clear(&w->captures);
	json_text_mark(&w->captures, '[');
	for (size_t i = 0; w->scope->captures && i < w->scope->n_captures; i++)
		json_text_unsigned(&w->captures, w->scope->captures[i]);
	json_text_mark(&w->captures, ']');
	/* What is read is one moment of the history, and no lock is held on it. */
	if (!store_commit(s, e) || !store_run(s, "BEGIN", e))
		return false;

	int rc = lists_open(&w->lists, s->db);

	if (rc != SQLITE_OK)
		return store_fault(s, rc, e);
	return find_tunnels(w, e) && (!w->captures.failed || err_set(e, "out of memory"));
}

static void end(struct walk *w)
{
	lists_close(&w->lists);
	json_text_done(&w->tunnels);
	json_text_done(&w->captures);
	if (!sqlite3_get_autocommit(w->s->db))
		store_run(w->s, "COMMIT", NULL);
}

bool store_walk(struct store *s, const struct store_scope *scope, const struct record_sink *sink, struct err *e)
{
	const bool wanted[KINDS] = {
		[CAPTURE] = sink->capture, [TUNNEL] = sink->tunnel, [IKE_SA] = sink->ike_sa,
		[CHILD_SA] = sink->child_sa, [ESP_SA] = sink->esp_sa, [EXCHANGE] = sink->exchange,
		[EVENT] = sink->event, [ALERT] = sink->alert, [TRAFFIC] = sink->traffic,
	};
	struct walk w;
	bool ok = begin(&w, s, scope, e);

	w.sink = sink;
	for (enum kind kind = CAPTURE; ok && kind < KINDS; kind++)
		ok = !wanted[kind] || walk_kind(&w, kind, e);
	end(&w);
	return ok;
}

static void take_lifetime(struct walk *w, struct store_lifetime *ret)
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

bool store_walk_lifetimes(struct store *s, const struct store_scope *scope,
			  void (*row)(void *user, const struct store_lifetime *l), void *user, struct err *e)
{
	struct store_lifetime lifetime;
	struct walk w;
	bool ok = begin(&w, s, scope, e);
	int rc = SQLITE_OK;

	if (ok) {
		rc = sqlite3_prepare_v2(s->db,
			"SELECT tunnel, kind, side, n, min_ns, median_ns, max_ns, who_rekeys, expected_s * 1000000000,"
			" expected_grade, ended_by FROM v_lifetimes"
			" WHERE ?1 IS NULL OR tunnel_id IN (SELECT value FROM json_each(?1)) ORDER BY id", -1, &w.st, NULL);
		if (rc == SQLITE_OK)
			rc = sqlite3_bind_text(w.st, 1, w.scope->tunnel ? w.tunnels.at : NULL, -1, SQLITE_STATIC);
		while (rc == SQLITE_OK || rc == SQLITE_ROW) {
			rc = sqlite3_step(w.st);
			if (rc == SQLITE_ROW) {
				take_lifetime(&w, &lifetime);
				row(user, &lifetime);
			}
		}
		ok = rc == SQLITE_DONE || store_fault(s, rc, e);
		sqlite3_finalize(w.st);
	}
	end(&w);
	return ok;
}
