/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include <math.h>

/* ---- what a walk gave, one line per record ---- */

static char *lines;
static size_t lines_size;
static FILE *out;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(out, format, arguments);
	va_end(arguments);
}

static void say_time(const char *name, nsec at)
{
	if (at == NSEC_NONE)
		say(" %s=none", name);
	else
		say(" %s=%lld", name, (long long)(at - T0));
}

static void say_number(const char *name, int64_t number)
{
	say(" %s=%lld", name, (long long)number);
}

static void say_text(const char *name, const char *text)
{
	say(" %s=%s", name, text ? text : "NULL");
}

static void say_endpoint(const char *name, struct endpoint p)
{
	char text[ENDPOINT_TEXT_MAX];

	say(" %s=%s", name, endpoint_text(p, text));
}

static void say_peers(const struct endpoint *peers)
{
	char text[TUNNEL_TEXT_MAX];

	say(" tunnel=%s", peers ? tunnel_text(peers, text) : "none");
}

static void say_texts(const char *name, const char *const *texts, size_t n)
{
	say(" %s=[", name);
	for (size_t i = 0; i < n; i++)
		say("%s;", texts[i]);
	say("]");
}

static void say_frames(const uint64_t *frames, size_t n)
{
	say(" frames=[");
	for (size_t i = 0; i < n; i++)
		say("%llu;", (unsigned long long)frames[i]);
	say("]");
}

static void say_offer(const char *name, const struct record_offer *f)
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

static void on_capture(void *user, const struct record_capture *r)
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

static void on_tunnel(void *user, const struct record_tunnel *r)
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
	say(" counts=%lld,%lld,%lld\n", (long long)r->ike_sas, (long long)r->child_sas, (long long)r->alerts);
}

static void on_ike_sa(void *user, const struct record_ike_sa *r)
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

static void on_esp_sa(void *user, const struct record_esp_sa *r)
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

static void on_child_sa(void *user, const struct record_child_sa *r)
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

static void on_exchange(void *user, const struct record_exchange *r)
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

static void on_event(void *user, const struct record_event *r)
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

static void on_alert(void *user, const struct record_alert *r)
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

static void on_traffic(void *user, const struct record_traffic *r)
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
	.capture = on_capture, .tunnel = on_tunnel, .ike_sa = on_ike_sa, .esp_sa = on_esp_sa, .child_sa = on_child_sa,
	.exchange = on_exchange, .event = on_event, .alert = on_alert, .traffic = on_traffic,
};

static void lines_begin(void)
{
	free(lines);
	lines = NULL;
	out = open_memstream(&lines, &lines_size);
}

static const char *lines_end(void)
{
	fclose(out);
	return lines;
}

static const char *walk(struct store *s, const struct store_scope *scope)
{
	struct err e = { "" };

	lines_begin();
	assert_ok(store_walk(s, scope, &sink, &e), e);
	return lines_end();
}

/* ---- one record of every kind ---- */

static const char *const texts[] = { "two \"words\"", "back\\slash, tab\t, [1,{}]" };

static const struct record_capture full_capture = {
	.id = 1, .name = "x.pcap", .kind = "file", .link_type = "EN10MB", .fingerprint = "aa", .size = 1000, .first = T0,
	.last = T0 + 9, .packets = 1, .bytes = 2, .ike_messages = 3, .esp_packets = 4, .ah_packets = 5, .keepalives = 6,
	.duplicates = 7, .malformed = 8, .cut = 9, .dropped = 10, .fragments = 11, .n_warnings = 2, .warnings = texts,
	.complete = true,
};
static const struct record_tunnel full_tunnel = {
	.id = UINT64_C(1) << 32 | 1, .peers = { { { 0, ADDR_V4_PREFIX | 0xc0000201 }, 0 },
	{ { 0, ADDR_V4_PREFIX | 0xc6336402 }, 0 } }, .network = 7, .state = TUNNEL_DEGRADED, .since = T0 + 5, .first = T0,
	.last = T0 + 9, .behind_nat = { 1, 0 }, .ike_sas = 1, .child_sas = 1, .alerts = 1, .n_unobservable = 2,
	.unobservable = texts,
};
static const struct record_offer offers[] = {
	{ "AES_CBC", "SHA1", "HMAC", "MODP_2048", "PSK", 256, 28800, 4608000 },
	{ NULL, NULL, NULL, NULL, NULL, RECORD_UNKNOWN, RECORD_UNKNOWN, RECORD_UNKNOWN },
};
static const struct record_ike_sa full_ike_sa = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1, .spi_i = 0xf123456789abcdef, .spi_r = 2, .version = 1,
	.initiator = { { 0, ADDR_V4_PREFIX | 0xc6336402 }, 4500 }, .responder = { { 0x20010db8, 1 }, 500 },
	.state = IKE_REKEYED, .origin = ORIGIN_REKEY, .parent = UINT64_C(1) << 32 | 9, .parent_spi_i = 11, .parent_spi_r = 12,
	.created = T0, .established = T0 + 1, .ended = T0 + 2, .last = T0 + 3, .end_reason = END_PEER_LOST, .ended_by = 1,
	.suite = { "AES_CBC", "SHA1", "HMAC", "MODP_2048", "PSK", 256, 28800, 4608000 }, .n_offered = 2, .offered = offers,
	.nat_initiator = 1, .nat_responder = 0, .n_vendor_ids = 2, .vendor_ids = texts, .first_frame = 1, .last_frame = 99,
	.messages = 12, .grade = GRADE_OBSERVED, .peers = sample_peers,
};
static const struct record_esp_sa full_esp_sa = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1, .protocol = PROTOCOL_AH, .spi = 0xfedcba98,
	.src = { { 0, ADDR_V4_PREFIX | 0xc6336402 }, 4500 }, .dst = { { 0, ADDR_V4_PREFIX | 0xc0000201 }, 4501 },
	.encap = ENCAP_UDP, .generation = 3, .first = T0, .last = T0 + 8, .packets = 1, .bytes = INT64_MAX, .seq_first = 3,
	.seq_last = 4294967295, .lost = 5, .late = 6, .duplicates = 7, .predecessor = UINT64_C(1) << 32 | 5,
	.predecessor_spi = 8, .successor = UINT64_C(1) << 32 | 6, .successor_spi = 9, .end_reason = END_REKEYED, .ended_by = 0,
	.first_frame = 10, .last_frame = 11, .grade = GRADE_INFERRED, .peers = sample_peers,
};
static const struct record_child_sa full_child_sa = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1, .ike_sa = UINT64_C(1) << 32 | 1, .ike_spi_i = 1,
	.ike_spi_r = 2, .sas = { UINT64_C(1) << 32 | 1, UINT64_C(1) << 32 | 2 }, .spis = { 0xfedcba98, 0x12 },
	.state = CHILD_REKEYED, .created = T0 + 1, .created_by = 1, .created_how = CREATED_QUICK_MODE,
	.predecessor = UINT64_C(1) << 32 | 3, .predecessor_spis = { 3, 4 }, .ended = T0 + 7, .end_reason = END_SUPERSEDED,
	.ended_by = 0, .rekeyed_by = 1, .rekey_at = T0 + 6, .grade = GRADE_DERIVED, .peers = sample_peers,
};
static const struct record_exchange full_exchange = {
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1, .ike_sa = UINT64_C(1) << 32 | 1, .spi_i = 1, .spi_r = 2,
	.version = 2, .exchange = 36, .kind = "CREATE_CHILD_SA", .message_id = 4294967295, .from = 1, .request_at = T0 + 1,
	.response_at = T0 + 2, .requests = 3, .responses = 1, .request_bytes = 300, .response_bytes = 200, .rtt_ns = 1,
	.outcome = OUTCOME_ANSWERED, .purpose = PURPOSE_REKEY_CHILD, .request_frame = 8, .response_frame = 9,
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
	.id = UINT64_C(1) << 32 | 1, .tunnel = UINT64_C(1) << 32 | 1, .code = "spi_churn", .severity = SEVERITY_CRITICAL,
	.confidence = CONFIDENCE_HIGH, .cleared = true, .first = T0 + 1, .last = T0 + 4, .raised = T0 + 2,
	.cleared_at = T0 + 5, .count = 3, .summary = "9 SPIs in 60 s", .cause = "duplicate_ike_sa",
	.incident = UINT64_C(1) << 32 | 4, .n_evidence = 6, .evidence = evidence, .n_frames = RECORD_FRAMES_MAX,
	.frames = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, INT64_MAX }, .n_actions = 2, .actions = actions,
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
		.id = 1, .name = "x.pcap", .kind = "file", .fingerprint = "aa", .size = -1, .first = NSEC_NONE,
		.last = NSEC_NONE, .packets = -1, .bytes = -1, .ike_messages = -1, .esp_packets = -1, .ah_packets = -1,
		.keepalives = -1, .duplicates = -1, .malformed = -1, .cut = -1, .dropped = -1, .fragments = -1,
	};
	struct record_tunnel tunnel = {
		.id = one, .peers = { sample_peers[0], sample_peers[1] }, .since = NSEC_NONE, .first = NSEC_NONE,
		.last = NSEC_NONE, .behind_nat = { -1, -1 }, .ike_sas = 1, .child_sas = 1, .alerts = 1,
	};
	const struct record_offer none = { .key_bits = -1, .life_seconds = -1, .life_kilobytes = -1 };
	struct record_ike_sa ike_sa = {
		.id = one, .tunnel = one, .spi_i = 1, .version = 2, .initiator = sample_peers[0],
		.responder = sample_peers[1], .created = NSEC_NONE, .established = NSEC_NONE, .ended = NSEC_NONE,
		.last = NSEC_NONE, .end_reason = END_NONE, .ended_by = -1, .suite = none, .nat_initiator = -1,
		.nat_responder = -1, .messages = -1, .grade = GRADE_UNKNOWN, .peers = sample_peers,
	};
	struct record_esp_sa esp_sa = {
		.id = one, .tunnel = one, .spi = 1, .src = sample_peers[0], .dst = sample_peers[1], .first = NSEC_NONE,
		.last = NSEC_NONE, .packets = -1, .bytes = -1, .seq_first = -1, .seq_last = -1, .lost = -1, .late = -1,
		.duplicates = -1, .end_reason = END_NONE, .ended_by = -1, .peers = sample_peers,
	};
	struct record_child_sa child_sa = {
		.id = one, .tunnel = one, .created = NSEC_NONE, .created_by = -1, .ended = NSEC_NONE,
		.end_reason = END_NONE, .ended_by = -1, .rekeyed_by = -1, .rekey_at = NSEC_NONE, .peers = sample_peers,
	};
	struct record_exchange exchange = {
		.id = one, .tunnel = one, .spi_i = 1, .version = 2, .exchange = 37, .kind = "INFORMATIONAL", .from = -1,
		.request_at = NSEC_NONE, .response_at = NSEC_NONE, .requests = -1, .responses = -1, .request_bytes = -1,
		.response_bytes = -1, .rtt_ns = -1, .peers = sample_peers,
	};
	struct record_event event = { .capture = 1, .seq = 1, .at = NSEC_NONE, .kind = "clock_jump", .text = "" };
	struct record_alert alert = {
		.id = one, .tunnel = one, .code = "ike_flap", .first = NSEC_NONE, .last = NSEC_NONE,
		.raised = NSEC_NONE, .cleared_at = NSEC_NONE, .count = -1, .summary = "", .peers = sample_peers,
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
	const struct record_evidence strange[] = { { "ratio", EVIDENCE_REAL, 0, (double)NAN, NULL } };
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

/* ---- scopes ---- */

static const struct endpoint other_peers[2] = {
	{ { 0, ADDR_V4_PREFIX | 0xc0000201 }, 0 },
	{ { UINT64_C(0x20010db800000000), 9 }, 4500 },
};

/* Two captures; in each a tunnel of its own with an SA and an alert per 100 s. */
static struct store *two_captures(void)
{
	struct store *s = sample_open(NULL);
	struct err e = { "" };

	for (uint32_t capture = 1; capture <= 2; capture++) {
		assert_int_equal(sample_capture(s, capture == 1 ? "aa" : "bb"), capture);
		for (uint32_t i = 1; i <= 3; i++) {
			struct record_esp_sa sa = sample_esp_sa(capture, i);
			struct record_alert alert = {
				.id = object_id_of(capture, i), .tunnel = object_id_of(capture, 1),
				.code = i == 1 ? "spi_churn" : "ike_flap", .severity = (enum severity)(i - 1),
				.summary = "s", .cleared_at = NSEC_NONE,
			};

			sa.peers = alert.peers = capture == 1 ? sample_peers : other_peers;
			sa.first = alert.first = alert.raised = T0 + (capture * 1000 + i * 100) * NSEC_PER_S;
			sa.last = alert.last = sa.first + 50 * NSEC_PER_S;
			assert_ok(store_esp_sa(s, &sa, &e), e);
			assert_ok(store_alert(s, &alert, &e), e);
		}
	}
	return s;
}

/* How many records of a kind the walk gives. */
static int count(struct store *s, const struct store_scope *scope, const char *kind)
{
	const char *rest = walk(s, scope);
	int n = 0;

	for (; *rest; rest = strchr(rest, '\n') + 1)
		n += strncmp(rest, kind, strlen(kind)) == 0 && rest[strlen(kind)] == ' ';
	return n;
}

static void a_tunnel_is_meant_by_its_name_number_or_peer(void **state)
{
	struct store *s = two_captures();
	const struct { const char *text; int tunnels; } cases[] = {
		{ SAMPLE_TUNNEL, 1 }, { "198.51.100.2<->192.0.2.1", 1 }, { "2", 1 }, { "198.51.100.2", 1 },
		{ "192.0.2.1", 2 }, { "2001:db8:0:0:0:0:0:9", 1 }, { "[2001:db8::9]:4500", 1 },
		{ "192.0.2.1<->[2001:db8::9]:4500", 1 }, { "3", 0 }, { "192.0.2", 0 }, { "' OR 1=1 --", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct store_scope scope = { .tunnel = cases[i].text, .since = NSEC_NONE, .until = NSEC_NONE };

		if (count(s, &scope, "tunnel") != cases[i].tunnels)
			fail_msg("%s", cases[i].text);
		assert_int_equal(count(s, &scope, "esp_sa"), 3 * cases[i].tunnels);
		assert_int_equal(count(s, &scope, "alert"), 3 * cases[i].tunnels);
	}
	sample_close(s);
}

static void captures_of_a_scope_limit_every_kind(void **state)
{
	struct store *s = two_captures();
	const uint32_t second[] = { 2, 2 };	/* said twice, given once */
	struct store_scope scope = { .captures = second, .n_captures = 2, .since = NSEC_NONE, .until = NSEC_NONE };

	(void)state;
	assert_int_equal(count(s, &scope, "capture"), 1);
	assert_int_equal(count(s, &scope, "tunnel"), 1);
	assert_int_equal(count(s, &scope, "esp_sa"), 3);
	assert_int_equal(count(s, &scope, "alert"), 3);
	assert_null(strstr(walk(s, &scope), SAMPLE_TUNNEL));
	assert_non_null(strstr(walk(s, &scope), "counts=0,0,3"));
	scope.n_captures = 0;
	assert_string_equal(walk(s, &scope), "");
	sample_close(s);
}

static void a_window_of_time_takes_what_lived_in_it(void **state)
{
	struct store *s = two_captures();
	struct store_scope scope = { .since = T0 + 1150 * NSEC_PER_S, .until = T0 + 1300 * NSEC_PER_S };

	(void)state;
	/* 1100..1150 ends in it, 1200..1250 lies in it, 1300..1350 begins when it is over */
	assert_int_equal(count(s, &scope, "esp_sa"), 2);
	assert_int_equal(count(s, &scope, "alert"), 2);
	scope.since++;
	assert_int_equal(count(s, &scope, "esp_sa"), 1);
	scope.until++;
	assert_int_equal(count(s, &scope, "esp_sa"), 2);
	sample_close(s);
}

static void alerts_can_be_picked_by_code_severity_and_number(void **state)
{
	struct store *s = two_captures();
	struct store_scope by_code = { .code = "spi_churn", .since = NSEC_NONE, .until = NSEC_NONE };
	struct store_scope by_severity = { .min_severity = SEVERITY_WARNING, .since = NSEC_NONE, .until = NSEC_NONE };
	struct store_scope by_number = { .alert_row = (int64_t)object_id_of(2, 3), .since = NSEC_NONE, .until = NSEC_NONE };

	(void)state;
	assert_int_equal(count(s, &by_code, "alert"), 2);
	assert_int_equal(count(s, &by_severity, "alert"), 4);
	assert_int_equal(count(s, &by_number, "alert"), 1);
	assert_int_equal(count(s, &by_number, "esp_sa"), 6);
	sample_close(s);
}

static void rows_come_in_the_order_of_time_whatever_the_order_of_writing(void **state)
{
	struct store *s = sample_open(NULL);
	struct err e = { "" };
	const char *rest;

	(void)state;
	for (uint32_t i = 1; i <= 5; i++) {
		struct record_esp_sa sa = sample_esp_sa(1, i);

		sa.first = T0 + (10 - i) * NSEC_PER_S;
		sa.packets = 10 - i;
		assert_ok(store_esp_sa(s, &sa, &e), e);
	}
	rest = walk(s, NULL);
	for (int packets = 5; packets <= 9; packets++) {
		char wanted[32];

		snprintf(wanted, sizeof(wanted), " packets=%d ", packets);
		rest = strstr(rest, wanted);
		assert_non_null(rest);
	}
	sample_close(s);
}

static void kinds_that_nobody_wants_are_not_read(void **state)
{
	struct store *s = two_captures();
	struct record_sink only_alerts = { .alert = on_alert };
	struct err e = { "" };

	(void)state;
	lines_begin();
	assert_ok(store_walk(s, NULL, &only_alerts, &e), e);
	lines_end();
	for (const char *rest = lines; *rest; rest = strchr(rest, '\n') + 1)
		assert_int_equal(strncmp(rest, "alert ", 6), 0);
	sample_close(s);
}

static int done(void **state)
{
	free(lines);
	return scratch_remove(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_record_comes_back_as_it_was_written),
		cmocka_unit_test(records_may_come_before_their_tunnel),
		cmocka_unit_test(what_is_not_known_comes_back_as_not_known),
		cmocka_unit_test(a_number_that_json_cannot_say_is_kept_as_nothing),
		cmocka_unit_test(a_tunnel_is_meant_by_its_name_number_or_peer),
		cmocka_unit_test(captures_of_a_scope_limit_every_kind),
		cmocka_unit_test(a_window_of_time_takes_what_lived_in_it),
		cmocka_unit_test(alerts_can_be_picked_by_code_severity_and_number),
		cmocka_unit_test(rows_come_in_the_order_of_time_whatever_the_order_of_writing),
		cmocka_unit_test(kinds_that_nobody_wants_are_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, done);
}
