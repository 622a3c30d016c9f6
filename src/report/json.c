/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON Lines, DESIGN 9.  jansson keeps the order in which members were set, so
 * the order of the calls below is the order of the fields, and part of the
 * contract.
 */
#include <jansson.h>
#include <stdlib.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

#include "report/json.h"
#include "report/people.h"

json_t *json_of_text(const char *text)
{
	if (!text)
		return json_null();

	char *safe = report_printable(text);
	json_t *ret = json_string(safe);

	free(safe);
	return ret;
}

json_t *json_of_number(int64_t number)
{
	return number == RECORD_UNKNOWN ? json_null() : json_integer(number);
}

json_t *json_of_time(nsec at)
{
	char text[NSEC_TEXT_MAX];

	return at == NSEC_NONE ? json_null() : json_string(nsec_rfc3339(at, text));
}

/*
 * Takes `value`.  jansson refuses names that are no UTF-8: names from a database pass
 * report_printable().
 */
void json_put(json_t *object, const char *name, json_t *value)
{
	int failed = json_object_set_new(object, name, value);

	memory_or_end(failed == 0);
}

/* Ten digits: every measured value has fewer, and 0.1 stays 0.1. */
void json_put_line(FILE *out, json_t *object)
{
	json_dumpf(object, out, JSON_COMPACT | JSON_REAL_PRECISION(10));
	putc('\n', out);
	json_decref(object);
}

json_t *json_begin(const char *type)
{
	json_t *o = json_object();

	json_put(o, "_v", json_integer(1));
	json_put(o, "type", json_string(type));
	return o;
}

static json_t *json_of_bool(tristate t)
{
	return t < 0 ? json_null() : json_boolean(t);
}

static json_t *json_of_peer(const struct endpoint *p)
{
	char text[ENDPOINT_TEXT_MAX];

	return json_string(endpoint_text(*p, text));
}

/* One of the tunnel's two peers by its index, which may be unknown. */
static json_t *json_of_side(const struct endpoint *peers, int side)
{
	return peers && (side == 0 || side == 1) ? json_of_peer(&peers[side]) : json_null();
}

static json_t *json_of_tunnel(const struct endpoint *peers)
{
	char text[TUNNEL_TEXT_MAX];

	return peers ? json_string(tunnel_text(peers, text)) : json_null();
}

static json_t *json_of_spi(uint32_t spi)
{
	char text[SPI_TEXT_MAX];

	return spi ? json_string(spi_text(spi, text)) : json_null();
}

static json_t *json_of_spi_pair(const uint32_t spis[2])
{
	return json_pack("[o,o]", json_of_spi(spis[0]), json_of_spi(spis[1]));
}

static json_t *json_of_ike_spis(uint64_t spi_i, uint64_t spi_r)
{
	char text[IKE_SPIS_TEXT_MAX];

	return spi_i || spi_r ? json_string(ike_spis_text(spi_i, spi_r, text)) : json_null();
}

/* Half of ike_spis_text(): sixteen digits. */
static json_t *json_of_ike_spi(uint64_t spi)
{
	char text[IKE_SPIS_TEXT_MAX];

	ike_spis_text(spi, 0, text);
	return json_stringn(text, 16);
}

static json_t *json_of_frames(const uint64_t *frames, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_integer((json_int_t)frames[i]));
	return list;
}

static json_t *json_of_texts(const char *const *texts, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_of_text(texts[i]));
	return list;
}

/* "at" and "tunnel", the two that follow "type" everywhere. */
static json_t *begin(const char *type, nsec at, const struct endpoint *peers)
{
	json_t *o = json_begin(type);

	json_put(o, "at", json_of_time(at));
	json_put(o, "tunnel", json_of_tunnel(peers));
	return o;
}

static nsec first_known(nsec a, nsec b)
{
	return a != NSEC_NONE ? a : b;
}

static void put_capture(void *user, const struct record_capture *r)
{
	json_t *o = begin("capture", r->first, NULL);

	json_put(o, "name", json_of_text(r->name));
	json_put(o, "kind", json_of_text(r->kind));
	json_put(o, "link_type", json_of_text(r->link_type));
	json_put(o, "first", json_of_time(r->first));
	json_put(o, "last", json_of_time(r->last));
	json_put(o, "packets", json_of_number(r->packets));
	json_put(o, "bytes", json_of_number(r->bytes));
	json_put(o, "ike_messages", json_of_number(r->ike_messages));
	json_put(o, "esp_packets", json_of_number(r->esp_packets));
	json_put(o, "ah_packets", json_of_number(r->ah_packets));
	json_put(o, "keepalives", json_of_number(r->keepalives));
	json_put(o, "duplicates", json_of_number(r->duplicates));
	json_put(o, "malformed", json_of_number(r->malformed));
	json_put(o, "cut", json_of_number(r->cut));
	json_put(o, "dropped", json_of_number(r->dropped));
	json_put(o, "fragments", json_of_number(r->fragments));
	json_put(o, "warnings", json_of_texts(r->warnings, r->n_warnings));
	json_put_line(user, o);
}

/* The peers behind NAT; null unless it is known of both, or one certainly is. */
static json_t *json_of_nat(const struct record_tunnel *r)
{
	if (r->behind_nat[0] < 1 && r->behind_nat[1] < 1 &&
	    (r->behind_nat[0] < 0 || r->behind_nat[1] < 0))
		return json_null();

	json_t *list = json_array();

	for (int side = 0; side < 2; side++)
		if (r->behind_nat[side] == 1)
			json_array_append_new(list, json_of_peer(&r->peers[side]));
	return list;
}

static void put_tunnel(void *user, const struct record_tunnel *r)
{
	json_t *o = begin("tunnel", first_known(r->since, r->first), r->peers);

	json_put(o, "peers",
		 json_pack("[o,o]", json_of_peer(&r->peers[0]), json_of_peer(&r->peers[1])));
	json_put(o, "state", json_string(tunnel_state_text(r->state)));
	json_put(o, "since", json_of_time(r->since));
	json_put(o, "nat", json_of_nat(r));
	json_put(o, "ike_sas", json_of_number(r->ike_sas));
	json_put(o, "child_sas", json_of_number(r->child_sas));
	json_put(o, "alerts", json_of_number(r->alerts));
	json_put_line(user, o);
}

static json_t *json_of_suite(const struct record_offer *s)
{
	json_t *o = json_object();
	char encryption[ENCRYPTION_TEXT_MAX];

	json_put(o, "encryption", json_of_text(encryption_text(s, encryption)));
	json_put(o, "integrity", json_of_text(s->integrity));
	json_put(o, "prf", json_of_text(s->prf));
	json_put(o, "group", json_of_text(s->group));
	return o;
}

/* In an offer 0 is "not stated" for numbers that no peer can mean as 0. */
static json_t *json_of_stated(int64_t number)
{
	return number > 0 ? json_integer(number) : json_null();
}

static json_t *json_of_offer(const struct record_offer *f)
{
	json_t *o = json_object();

	json_put(o, "encryption", json_of_text(f->encryption));
	json_put(o, "key_bits", json_of_stated(f->key_bits));
	json_put(o, "integrity", json_of_text(f->integrity));
	json_put(o, "prf", json_of_text(f->prf));
	json_put(o, "group", json_of_text(f->group));
	json_put(o, "auth", json_of_text(f->auth));
	json_put(o, "life_seconds", json_of_stated(f->life_seconds));
	json_put(o, "life_kilobytes", json_of_stated(f->life_kilobytes));
	return o;
}

static void put_ike_sa(void *user, const struct record_ike_sa *r)
{
	json_t *o = begin("ike_sa", r->created, r->peers);
	json_t *offered = json_array();

	for (size_t i = 0; i < r->n_offered; i++)
		json_array_append_new(offered, json_of_offer(&r->offered[i]));
	json_put(o, "version", json_integer(r->version));
	json_put(o, "spi_i", json_of_ike_spi(r->spi_i));
	json_put(o, "spi_r", r->spi_r ? json_of_ike_spi(r->spi_r) : json_null());
	bool known = record_initiator_known(r);

	json_put(o, "initiator", known ? json_of_peer(&r->initiator) : json_null());
	json_put(o, "responder", known ? json_of_peer(&r->responder) : json_null());
	json_put(o, "state", json_string(ike_state_text(r->state)));
	json_put(o, "origin", json_string(origin_text(r->origin)));
	json_put(o, "parent", json_of_ike_spis(r->parent_spi_i, r->parent_spi_r));
	json_put(o, "created", json_of_time(r->created));
	json_put(o, "established", json_of_time(r->established));
	json_put(o, "ended", json_of_time(r->ended));
	json_put(o, "end_reason", json_of_text(end_reason_text(r->end_reason)));
	json_put(o, "ended_by", json_of_side(r->peers, r->ended_by));
	json_put(o, "suite", json_of_suite(&r->suite));
	json_put(o, "offered", offered);
	json_put(o, "nat", json_pack("{s:o,s:o}", "initiator", json_of_bool(r->nat_initiator),
				     "responder", json_of_bool(r->nat_responder)));
	json_put(o, "vendor_ids", json_of_texts(r->vendor_ids, r->n_vendor_ids));
	json_put(o, "grade", json_string(grade_text(r->grade)));
	json_put_line(user, o);
}

static void put_esp_sa(void *user, const struct record_esp_sa *r)
{
	json_t *o = begin("esp_sa", r->first, r->peers);

	json_put(o, "protocol", json_string(esp_protocol_text(r->protocol)));
	json_put(o, "spi", json_of_spi(r->spi));
	json_put(o, "src", json_of_peer(&r->src));
	json_put(o, "dst", json_of_peer(&r->dst));
	json_put(o, "encap", json_string(encap_text(r->encap)));
	json_put(o, "first", json_of_time(r->first));
	json_put(o, "last", json_of_time(r->last));
	json_put(o, "packets", json_of_number(r->packets));
	json_put(o, "bytes", json_of_number(r->bytes));
	json_put(o, "seq_first", json_of_number(r->seq_first));
	json_put(o, "seq_last", json_of_number(r->seq_last));
	json_put(o, "lost", json_of_number(r->lost));
	json_put(o, "late", json_of_number(r->late));
	json_put(o, "duplicates", json_of_number(r->duplicates));
	json_put(o, "predecessor", json_of_spi(r->predecessor_spi));
	json_put(o, "successor", json_of_spi(r->successor_spi));
	json_put(o, "end_reason", json_of_text(end_reason_text(r->end_reason)));
	json_put(o, "ended_by", json_of_side(r->peers, r->ended_by));
	json_put(o, "grade", json_string(grade_text(r->grade)));
	json_put_line(user, o);
}

static void put_child_sa(void *user, const struct record_child_sa *r)
{
	const uint32_t *before = r->predecessor_spis;
	json_t *o = begin("child_sa", r->created, r->peers);

	json_put(o, "sas", json_of_spi_pair(r->spis));
	json_put(o, "ike_sa", json_of_ike_spis(r->ike_spi_i, r->ike_spi_r));
	json_put(o, "created", json_of_time(r->created));
	json_put(o, "created_by", json_of_side(r->peers, r->created_by));
	json_put(o, "created_how", json_string(created_how_text(r->created_how)));
	json_put(o, "predecessor", before[0] || before[1] ? json_of_spi_pair(before) : json_null());
	json_put(o, "ended", json_of_time(r->ended));
	json_put(o, "end_reason", json_of_text(end_reason_text(r->end_reason)));
	json_put(o, "ended_by", json_of_side(r->peers, r->ended_by));
	json_put(o, "grade", json_string(grade_text(r->grade)));
	json_put_line(user, o);
}

static void put_exchange(void *user, const struct record_exchange *r)
{
	json_t *o = begin("exchange", first_known(r->request_at, r->response_at), r->peers);

	json_put(o, "spi_i", json_of_ike_spi(r->spi_i));
	json_put(o, "spi_r", r->spi_r ? json_of_ike_spi(r->spi_r) : json_null());
	json_put(o, "kind", json_of_text(r->kind));
	json_put(o, "message_id", json_integer(r->message_id));
	json_put(o, "from", json_of_side(r->peers, r->from));
	json_put(o, "request_at", json_of_time(r->request_at));
	json_put(o, "response_at", json_of_time(r->response_at));
	json_put(o, "requests", json_of_number(r->requests));
	json_put(o, "responses", json_of_number(r->responses));
	json_put(o, "request_bytes", json_of_number(r->request_bytes));
	json_put(o, "response_bytes", json_of_number(r->response_bytes));
	json_put(o, "rtt_ms",
		 r->rtt_ns == RECORD_UNKNOWN ? json_null() : json_real((double)r->rtt_ns / 1e6));
	json_put(o, "outcome", json_string(exchange_outcome_text(r->outcome)));
	json_put(o, "purpose", json_string(exchange_purpose_text(r->purpose)));
	json_put(o, "grade", json_string(grade_text(r->grade)));
	json_put_line(user, o);
}

static void put_event(void *user, const struct record_event *r)
{
	json_t *o = begin("event", r->at, r->peers);

	json_put(o, "kind", json_of_text(r->kind));
	json_put(o, "text", json_of_text(r->text));
	json_put(o, "frames", json_of_frames(r->frames, r->n_frames));
	json_put_line(user, o);
}

static json_t *json_of_evidence(const struct record_evidence *e)
{
	json_t *real;

	switch (e->type) {
	case EVIDENCE_INTEGER:
		return json_integer(e->integer);
	case EVIDENCE_REAL:
		real = json_real(e->real);	/* refuses what JSON cannot say: infinity, NaN */
		return real ? real : json_null();
	case EVIDENCE_TEXT:
		return json_of_text(e->text);
	}
	return json_null();
}

static void put_alert(void *user, const struct record_alert *r)
{
	json_t *o = begin("alert", r->last, r->peers);
	json_t *evidence = json_object();
	json_t *actions = json_array();

	for (size_t i = 0; i < r->n_evidence; i++) {
		char *name = report_printable(r->evidence[i].name);

		json_put(evidence, name, json_of_evidence(&r->evidence[i]));
		free(name);
	}
	for (size_t i = 0; i < r->n_actions; i++)
		json_array_append_new(actions, json_pack("{s:o,s:o}", "vendor",
							 json_of_text(r->actions[i].vendor), "text",
							 json_of_text(r->actions[i].text)));
	json_put(o, "id", json_integer((json_int_t)r->id));
	json_put(o, "code", json_of_text(r->code));
	json_put(o, "severity", json_string(severity_text(r->severity)));
	json_put(o, "confidence", json_string(confidence_text(r->confidence)));
	json_put(o, "status", json_string(r->cleared ? "cleared" : "raised"));
	json_put(o, "first", json_of_time(r->first));
	json_put(o, "last", json_of_time(r->last));
	json_put(o, "count", json_of_number(r->count));
	json_put(o, "summary", json_of_text(r->summary));
	json_put(o, "cause", json_of_text(r->cause));
	json_put(o, "evidence", evidence);
	json_put(o, "frames", json_of_frames(r->frames, r->n_frames));
	json_put(o, "actions", actions);
	json_put_line(user, o);
}

struct record_sink report_json(FILE *out)
{
	return (struct record_sink){
		.user = out,
		.capture = put_capture,
		.tunnel = put_tunnel,
		.ike_sa = put_ike_sa,
		.esp_sa = put_esp_sa,
		.child_sa = put_child_sa,
		.exchange = put_exchange,
		.event = put_event,
		.alert = put_alert,
	};
}
