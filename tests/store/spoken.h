/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a walk over a history gives, one line of text for each record. */
#ifndef SAWATCH_STORE_SPOKEN_H
#define SAWATCH_STORE_SPOKEN_H

#include "store/samples.h"

static char *lines;
static size_t lines_size;
static FILE *out;

static inline void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(out, format, arguments);
	va_end(arguments);
}

static inline void say_time(const char *name, nsec at)
{
	if (at == NSEC_NONE)
		say(" %s=none", name);
	else
		say(" %s=%lld", name, (long long)(at - T0));
}

static inline void say_number(const char *name, int64_t number)
{
	say(" %s=%lld", name, (long long)number);
}

static inline void say_text(const char *name, const char *text)
{
	say(" %s=%s", name, text ? text : "NULL");
}

static inline void say_endpoint(const char *name, struct endpoint p)
{
	char text[ENDPOINT_TEXT_MAX];

	say(" %s=%s", name, endpoint_text(p, text));
}

static inline void say_peers(const struct endpoint *peers)
{
	char text[TUNNEL_TEXT_MAX];

	say(" tunnel=%s", peers ? tunnel_text(peers, text) : "none");
}

static inline void say_texts(const char *name, const char *const *texts, size_t n)
{
	say(" %s=[", name);
	for (size_t i = 0; i < n; i++)
		say("%s;", texts[i]);
	say("]");
}

static inline void say_frames(const uint64_t *frames, size_t n)
{
	say(" frames=[");
	for (size_t i = 0; i < n; i++)
		say("%llu;", (unsigned long long)frames[i]);
	say("]");
}

static inline void say_offer(const char *name, const struct record_offer *f)
{
	say(" %s(", name);
	say_text("encryption", f->encryption);
	say_text("integrity", f->integrity);
	say_text("prf", f->prf);
	say_text("group", f->group);
	say_text("auth", f->auth);
	say_number("key_bits", f->key_bits);
	say_number("life_seconds", f->life_seconds);
	say_number("life_kilobytes", f->life_kilobytes);
	say(" )");
}

static inline void on_capture(void *user, const struct record_capture *r)
{
	(void)user;
	say("capture id=%u", r->id);
	say_text("name", r->name);
	say_text("kind", r->kind);
	say_text("link_type", r->link_type);
	say_text("fingerprint", r->fingerprint);
	say_number("size", r->size);
	say_time("first", r->first);
	say_time("last", r->last);
	say_number("packets", r->packets);
	say_number("bytes", r->bytes);
	say_number("ike_messages", r->ike_messages);
	say_number("esp_packets", r->esp_packets);
	say_number("ah_packets", r->ah_packets);
	say_number("keepalives", r->keepalives);
	say_number("duplicates", r->duplicates);
	say_number("malformed", r->malformed);
	say_number("cut", r->cut);
	say_number("dropped", r->dropped);
	say_number("fragments", r->fragments);
	say_texts("warnings", r->warnings, r->n_warnings);
	say(" complete=%d\n", r->complete);
}

static inline void on_tunnel(void *user, const struct record_tunnel *r)
{
	(void)user;
	say("tunnel");
	say_peers(r->peers);
	say_number("network", r->network);
	say_text("state", tunnel_state_text(r->state));
	say_time("since", r->since);
	say_time("first", r->first);
	say_time("last", r->last);
	say_number("nat0", r->behind_nat[0]);
	say_number("nat1", r->behind_nat[1]);
	say_texts("unobservable", r->unobservable, r->n_unobservable);
	say(" counts=%lld,%lld,%lld\n", (long long)r->ike_sas, (long long)r->child_sas,
	    (long long)r->alerts);
}

static inline void on_ike_sa(void *user, const struct record_ike_sa *r)
{
	char spis[IKE_SPIS_TEXT_MAX];

	(void)user;
	say("ike_sa id=%llu", (unsigned long long)r->id);
	say_peers(r->peers);
	say_number("version", r->version);
	say_text("spis", ike_spis_text(r->spi_i, r->spi_r, spis));
	say_endpoint("initiator", r->initiator);
	say_endpoint("responder", r->responder);
	say_text("state", ike_state_text(r->state));
	say_text("origin", origin_text(r->origin));
	say_number("parent", (int64_t)r->parent);
	say_text("parent_spis", ike_spis_text(r->parent_spi_i, r->parent_spi_r, spis));
	say_time("created", r->created);
	say_time("established", r->established);
	say_time("ended", r->ended);
	say_time("last", r->last);
	say_text("end_reason", end_reason_text(r->end_reason));
	say_number("ended_by", r->ended_by);
	say_offer("suite", &r->suite);
	for (size_t i = 0; i < r->n_offered; i++)
		say_offer("offered", &r->offered[i]);
	say_number("nat_initiator", r->nat_initiator);
	say_number("nat_responder", r->nat_responder);
	say_texts("vendor_ids", r->vendor_ids, r->n_vendor_ids);
	say_number("first_frame", (int64_t)r->first_frame);
	say_number("last_frame", (int64_t)r->last_frame);
	say_number("messages", r->messages);
	say(" grade=%s\n", grade_text(r->grade));
}

static inline void on_esp_sa(void *user, const struct record_esp_sa *r)
{
	(void)user;
	say("esp_sa id=%llu", (unsigned long long)r->id);
	say_peers(r->peers);
	say_text("protocol", esp_protocol_text(r->protocol));
	say_number("spi", r->spi);
	say_endpoint("src", r->src);
	say_endpoint("dst", r->dst);
	say_text("encap", encap_text(r->encap));
	say_number("generation", r->generation);
	say_time("first", r->first);
	say_time("last", r->last);
	say_number("packets", r->packets);
	say_number("bytes", r->bytes);
	say_number("seq_first", r->seq_first);
	say_number("seq_last", r->seq_last);
	say_number("lost", r->lost);
	say_number("late", r->late);
	say_number("duplicates", r->duplicates);
	say_number("predecessor", (int64_t)r->predecessor);
	say_number("predecessor_spi", r->predecessor_spi);
	say_number("successor", (int64_t)r->successor);
	say_number("successor_spi", r->successor_spi);
	say_text("end_reason", end_reason_text(r->end_reason));
	say_number("ended_by", r->ended_by);
	say_number("first_frame", (int64_t)r->first_frame);
	say_number("last_frame", (int64_t)r->last_frame);
	say(" grade=%s\n", grade_text(r->grade));
}

static inline void on_child_sa(void *user, const struct record_child_sa *r)
{
	char spis[IKE_SPIS_TEXT_MAX];

	(void)user;
	say("child_sa id=%llu", (unsigned long long)r->id);
	say_peers(r->peers);
	say_number("ike_sa", (int64_t)r->ike_sa);
	say_text("ike_spis", ike_spis_text(r->ike_spi_i, r->ike_spi_r, spis));
	say_number("sa0", (int64_t)r->sas[0]);
	say_number("sa1", (int64_t)r->sas[1]);
	say_number("spi0", r->spis[0]);
	say_number("spi1", r->spis[1]);
	say_text("state", child_state_text(r->state));
	say_time("created", r->created);
	say_number("created_by", r->created_by);
	say_text("created_how", created_how_text(r->created_how));
	say_number("predecessor", (int64_t)r->predecessor);
	say_number("predecessor_spi0", r->predecessor_spis[0]);
	say_number("predecessor_spi1", r->predecessor_spis[1]);
	say_time("ended", r->ended);
	say_text("end_reason", end_reason_text(r->end_reason));
	say_number("ended_by", r->ended_by);
	say_number("rekeyed_by", r->rekeyed_by);
	say_time("rekey_at", r->rekey_at);
	say(" grade=%s\n", grade_text(r->grade));
}

static inline void on_exchange(void *user, const struct record_exchange *r)
{
	char spis[IKE_SPIS_TEXT_MAX];

	(void)user;
	say("exchange id=%llu", (unsigned long long)r->id);
	say_peers(r->peers);
	say_number("ike_sa", (int64_t)r->ike_sa);
	say_text("spis", ike_spis_text(r->spi_i, r->spi_r, spis));
	say_number("version", r->version);
	say_number("exchange", r->exchange);
	say_text("kind", r->kind);
	say_number("message_id", r->message_id);
	say_number("from", r->from);
	say_time("request_at", r->request_at);
	say_time("response_at", r->response_at);
	say_number("requests", r->requests);
	say_number("responses", r->responses);
	say_number("request_bytes", r->request_bytes);
	say_number("response_bytes", r->response_bytes);
	say_number("rtt_ns", r->rtt_ns);
	say_text("outcome", exchange_outcome_text(r->outcome));
	say_text("purpose", exchange_purpose_text(r->purpose));
	say_number("request_frame", (int64_t)r->request_frame);
	say_number("response_frame", (int64_t)r->response_frame);
	say(" grade=%s\n", grade_text(r->grade));
}

static inline void on_event(void *user, const struct record_event *r)
{
	(void)user;
	say("event capture=%u seq=%u", r->capture, r->seq);
	say_peers(r->peers);
	say_time("at", r->at);
	say_text("kind", r->kind);
	say_text("text", r->text);
	say_frames(r->frames, r->n_frames);
	say("\n");
}

static inline void on_alert(void *user, const struct record_alert *r)
{
	(void)user;
	say("alert id=%llu", (unsigned long long)r->id);
	say_peers(r->peers);
	say_text("code", r->code);
	say_text("severity", severity_text(r->severity));
	say_text("confidence", confidence_text(r->confidence));
	say_number("cleared", r->cleared);
	say_time("first", r->first);
	say_time("last", r->last);
	say_time("raised", r->raised);
	say_time("cleared_at", r->cleared_at);
	say_number("count", r->count);
	say_text("summary", r->summary);
	say_text("cause", r->cause);
	say_number("incident", (int64_t)r->incident);
	for (size_t i = 0; i < r->n_evidence; i++) {
		const struct record_evidence *v = &r->evidence[i];

		say(" %s:", v->name);
		if (v->type == EVIDENCE_INTEGER)
			say("i%lld", (long long)v->integer);
		else if (v->type == EVIDENCE_REAL)
			say("r%.17g", v->real);
		else
			say("t%s", v->text ? v->text : "NULL");
	}
	say_frames(r->frames, r->n_frames);
	for (size_t i = 0; i < r->n_actions; i++)
		say(" {%s: %s}", r->actions[i].vendor, r->actions[i].text);
	say("\n");
}

static inline void on_traffic(void *user, const struct record_traffic *r)
{
	(void)user;
	say("traffic esp_sa=%llu", (unsigned long long)r->esp_sa);
	say_time("bucket", r->bucket);
	say_number("packets", r->packets);
	say_number("bytes", r->bytes);
	say_number("lost", r->lost);
	say("\n");
}

static const struct record_sink sink = {
	.capture = on_capture, .tunnel = on_tunnel, .ike_sa = on_ike_sa, .esp_sa = on_esp_sa,
	.child_sa = on_child_sa,
	.exchange = on_exchange, .event = on_event, .alert = on_alert, .traffic = on_traffic,
};

static inline void lines_begin(void)
{
	free(lines);
	lines = NULL;
	out = open_memstream(&lines, &lines_size);
}

static inline const char *lines_end(void)
{
	fclose(out);
	return lines;
}

static inline const char *walk(struct store *s, const struct store_scope *scope)
{
	struct err e = { "" };

	lines_begin();
	assert_ok(store_walk(s, scope, &sink, &e), e);
	return lines_end();
}

static inline int done(void **state)
{
	free(lines);
	return scratch_remove(state);
}

#endif
