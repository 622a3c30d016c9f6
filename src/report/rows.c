/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables of records, for the history's subcommands.  JSON is not tabular: it
 * goes through report_json(), which has the whole object.
 */
#include <stdlib.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>
#include <sawatch/text.h>

#include "report/people.h"

struct rows {
	enum rows_kind kind;
	struct record_sink sink;
	struct table *table;	/* NULL for JSON */
};

static const char *const tunnel_columns[] = {
	"tunnel", "state", "since", "first", "last", "nat", ">ike_sas", ">child_sas", ">alerts",
	"name",
};
static const char *const ike_columns[] = {
	"tunnel", "ike_sa", ">version", "initiator", "responder", "state", "origin", "created",
	"established",
	"ended", "end_reason", "ended_by", "suite", "grade",
};
static const char *const child_columns[] = {
	"tunnel", "spi_a", "spi_b", "state", "created", "created_by", "created_how", "ended",
	"end_reason",
	"ended_by", "~age_s", "ike_sa", "grade",
};
static const char *const esp_columns[] = {
	"tunnel", "spi", "protocol", "encap", "src", "dst", "first", "last", ">packets", ">bytes",
	">seq_first", ">seq_last", ">lost", ">late", ">duplicates", "predecessor", "successor",
	"end_reason", "ended_by", "grade",
};
/* `sa` is what names it: spi_i:spi_r, spi_a/spi_b or spi. */
static const char *const sa_columns[] = {
	"kind", "tunnel", "sa", "src", "dst", "state", "created", "ended", "end_reason", "ended_by",
	">packets", ">bytes", ">lost", "grade",
};
static const char *const exchange_columns[] = {
	"tunnel", "request_at", "from", "kind", ">message_id", "purpose", "outcome", ">requests",
	">responses",
	"~rtt_ms", ">request_bytes", ">response_bytes", "ike_sa", "grade",
};
static const char *const event_columns[] = { "at", "tunnel", "kind", "<text", "frames" };
static const char *const alert_columns[] = {
	"last", "tunnel", "severity", "code", "cause", "confidence", "status", "first", ">count",
	"<summary", "frames",
	">id",
};

static void put_tunnel_name(struct table *t, const struct endpoint *peers)
{
	char text[TUNNEL_TEXT_MAX];

	table_text(t, peers ? tunnel_text(peers, text) : NULL);
}

static void put_peer(struct table *t, const struct endpoint *p)
{
	char text[ENDPOINT_TEXT_MAX];

	table_text(t, p ? endpoint_text(*p, text) : NULL);
}

static void put_side(struct table *t, const struct endpoint *peers, int side)
{
	if (peers && (side == 0 || side == 1))
		put_peer(t, &peers[side]);
	else
		table_text(t, NULL);
}

static void put_spi(struct table *t, uint32_t spi)
{
	char text[SPI_TEXT_MAX];

	table_text(t, spi ? spi_text(spi, text) : NULL);
}

static void put_ike_spis(struct table *t, uint64_t spi_i, uint64_t spi_r)
{
	char text[IKE_SPIS_TEXT_MAX];

	table_text(t, spi_i || spi_r ? ike_spis_text(spi_i, spi_r, text) : NULL);
}

static void put_frames(struct table *t, const uint64_t *frames, size_t n)
{
	char text[FRAMES_TEXT_MAX];

	table_text(t, n ? frames_text(frames, n, " ", text) : NULL);
}

static void tunnel_row(void *user, const struct record_tunnel *r)
{
	struct table *t = ((struct rows *)user)->table;
	bool unknown = r->behind_nat[0] < 0 && r->behind_nat[1] < 0;
	int behind = (r->behind_nat[0] == 1) + (r->behind_nat[1] == 1);

	put_tunnel_name(t, r->peers);
	table_text(t, tunnel_state_text(r->state));
	table_time(t, r->since);
	table_time(t, r->first);
	table_time(t, r->last);
	if (behind == 1)
		put_peer(t, &r->peers[r->behind_nat[1] == 1]);
	else
		table_text(t, behind == 2 ? "both" : unknown ? NULL : "none");
	table_number(t, r->ike_sas);
	table_number(t, r->child_sas);
	table_number(t, r->alerts);
	table_text(t, r->label);	/* of the inventory */
}

static void ike_row(void *user, const struct record_ike_sa *r)
{
	struct table *t = ((struct rows *)user)->table;
	const struct record_offer *s = &r->suite;
	char encryption[ENCRYPTION_TEXT_MAX];
	const char *const parts[] = {
		encryption_text(s, encryption), s->integrity, s->prf, s->group,
	};
	char buffer[256];
	struct text suite = TEXT_IN(buffer);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i])
			text_add(&suite, "%s%s", suite.used ? "/" : "", parts[i]);
	put_tunnel_name(t, r->peers);
	put_ike_spis(t, r->spi_i, r->spi_r);
	table_number(t, r->version);
	put_peer(t, record_initiator_known(r) ? &r->initiator : NULL);
	put_peer(t, record_initiator_known(r) ? &r->responder : NULL);
	table_text(t, ike_state_text(r->state));
	table_text(t, origin_text(r->origin));
	table_time(t, r->created);
	table_time(t, r->established);
	table_time(t, r->ended);
	table_text(t, end_reason_text(r->end_reason));
	put_side(t, r->peers, r->ended_by);
	table_text(t, suite.used ? buffer : NULL);
	table_text(t, grade_text(r->grade));
}

static void child_row(void *user, const struct record_child_sa *r)
{
	struct table *t = ((struct rows *)user)->table;
	bool aged = r->created != NSEC_NONE && r->ended != NSEC_NONE;

	put_tunnel_name(t, r->peers);
	put_spi(t, r->spis[0]);
	put_spi(t, r->spis[1]);
	table_text(t, child_state_text(r->state));
	table_time(t, r->created);
	put_side(t, r->peers, r->created_by);
	table_text(t, created_how_text(r->created_how));
	table_time(t, r->ended);
	table_text(t, end_reason_text(r->end_reason));
	put_side(t, r->peers, r->ended_by);
	table_span(t, aged ? r->ended - r->created : RECORD_UNKNOWN);
	put_ike_spis(t, r->ike_spi_i, r->ike_spi_r);
	table_text(t, grade_text(r->grade));
}

static void esp_row(void *user, const struct record_esp_sa *r)
{
	struct table *t = ((struct rows *)user)->table;

	put_tunnel_name(t, r->peers);
	put_spi(t, r->spi);
	table_text(t, esp_protocol_text(r->protocol));
	table_text(t, encap_text(r->encap));
	put_peer(t, &r->src);
	put_peer(t, &r->dst);
	table_time(t, r->first);
	table_time(t, r->last);
	table_number(t, r->packets);
	table_number(t, r->bytes);
	table_number(t, r->seq_first);
	table_number(t, r->seq_last);
	table_number(t, r->lost);
	table_number(t, r->late);
	table_number(t, r->duplicates);
	put_spi(t, r->predecessor_spi);
	put_spi(t, r->successor_spi);
	table_text(t, end_reason_text(r->end_reason));
	put_side(t, r->peers, r->ended_by);
	table_text(t, grade_text(r->grade));
}

/* What follows `state` in a row of any SA. */
static void put_life(struct table *t, nsec created, nsec ended, enum end_reason reason)
{
	table_time(t, created);
	table_time(t, ended);
	table_text(t, end_reason_text(reason));
}

static void put_no_traffic(struct table *t)
{
	for (int i = 0; i < 3; i++)
		table_number(t, RECORD_UNKNOWN);
}

static void sa_row_of_ike(void *user, const struct record_ike_sa *r)
{
	struct table *t = ((struct rows *)user)->table;

	table_text(t, "ike");
	put_tunnel_name(t, r->peers);
	put_ike_spis(t, r->spi_i, r->spi_r);
	put_peer(t, &r->initiator);
	put_peer(t, &r->responder);
	table_text(t, ike_state_text(r->state));
	put_life(t, r->created, r->ended, r->end_reason);
	put_side(t, r->peers, r->ended_by);
	put_no_traffic(t);
	table_text(t, grade_text(r->grade));
}

static void sa_row_of_child(void *user, const struct record_child_sa *r)
{
	struct table *t = ((struct rows *)user)->table;
	char a[SPI_TEXT_MAX], b[SPI_TEXT_MAX], pair[2 * SPI_TEXT_MAX];

	snprintf(pair, sizeof(pair), "%s/%s", r->spis[0] ? spi_text(r->spis[0], a) : "?",
		 r->spis[1] ? spi_text(r->spis[1], b) : "?");
	table_text(t, "child");
	put_tunnel_name(t, r->peers);
	table_text(t, pair);
	put_side(t, r->peers, 0);
	put_side(t, r->peers, 1);
	table_text(t, child_state_text(r->state));
	put_life(t, r->created, r->ended, r->end_reason);
	put_side(t, r->peers, r->ended_by);
	put_no_traffic(t);
	table_text(t, grade_text(r->grade));
}

static void sa_row_of_esp(void *user, const struct record_esp_sa *r)
{
	struct table *t = ((struct rows *)user)->table;
	bool lives = r->end_reason == END_NONE || r->end_reason == END_CAPTURE_END;

	table_text(t, esp_protocol_text(r->protocol));
	put_tunnel_name(t, r->peers);
	put_spi(t, r->spi);
	put_peer(t, &r->src);
	put_peer(t, &r->dst);
	table_text(t, NULL);
	put_life(t, r->first, lives ? NSEC_NONE : r->last, r->end_reason);
	put_side(t, r->peers, r->ended_by);
	table_number(t, r->packets);
	table_number(t, r->bytes);
	table_number(t, r->lost);
	table_text(t, grade_text(r->grade));
}

static void exchange_row(void *user, const struct record_exchange *r)
{
	struct table *t = ((struct rows *)user)->table;

	put_tunnel_name(t, r->peers);
	table_time(t, r->request_at != NSEC_NONE ? r->request_at : r->response_at);
	put_side(t, r->peers, r->from);
	table_text(t, r->kind);
	table_number(t, r->message_id);
	table_text(t, exchange_purpose_text(r->purpose));
	table_text(t, exchange_outcome_text(r->outcome));
	table_number(t, r->requests);
	table_number(t, r->responses);
	table_span(t, r->rtt_ns);
	table_number(t, r->request_bytes);
	table_number(t, r->response_bytes);
	put_ike_spis(t, r->spi_i, r->spi_r);
	table_text(t, grade_text(r->grade));
}

static void event_row(void *user, const struct record_event *r)
{
	struct table *t = ((struct rows *)user)->table;

	table_time(t, r->at);
	put_tunnel_name(t, r->peers);
	table_text(t, r->kind);
	table_text(t, r->text);
	put_frames(t, r->frames, r->n_frames);
}

static void alert_row(void *user, const struct record_alert *r)
{
	struct table *t = ((struct rows *)user)->table;

	table_time(t, r->last);
	put_tunnel_name(t, r->peers);
	table_text(t, severity_text(r->severity));
	table_text(t, r->code);
	table_text(t, r->cause);
	table_text(t, confidence_text(r->confidence));
	table_text(t, r->cleared ? "cleared" : "raised");
	table_time(t, r->first);
	table_number(t, r->count);
	table_text(t, r->summary);
	put_frames(t, r->frames, r->n_frames);
	table_number(t, (int64_t)r->id);	/* what `sawatch why` takes */
}

/* Leave in `sink` only the members of `kind`. */
static struct record_sink only(struct record_sink sink, enum rows_kind kind)
{
	return (struct record_sink){
		.user = sink.user,
		.tunnel = kind == ROWS_TUNNELS ? sink.tunnel : NULL,
		.ike_sa = kind == ROWS_IKE_SAS || kind == ROWS_SAS ? sink.ike_sa : NULL,
		.child_sa = kind == ROWS_CHILD_SAS || kind == ROWS_SAS ? sink.child_sa : NULL,
		.esp_sa = kind == ROWS_ESP_SAS || kind == ROWS_SAS ? sink.esp_sa : NULL,
		.exchange = kind == ROWS_EXCHANGES ? sink.exchange : NULL,
		.event = kind == ROWS_EVENTS ? sink.event : NULL,
		.alert = kind == ROWS_ALERTS ? sink.alert : NULL,
	};
}

struct rows *rows_open(FILE *out, enum table_format format, enum rows_kind kind)
{
#define COLUMNS(list) { list, sizeof(list) / sizeof((list)[0]) }
	static const struct {
		const char *const *names;
		size_t n;
	} columns[] = {
		[ROWS_TUNNELS] = COLUMNS(tunnel_columns), [ROWS_IKE_SAS] = COLUMNS(ike_columns),
		[ROWS_CHILD_SAS] = COLUMNS(child_columns), [ROWS_ESP_SAS] = COLUMNS(esp_columns),
		[ROWS_EXCHANGES] = COLUMNS(exchange_columns),
			[ROWS_EVENTS] = COLUMNS(event_columns),
		[ROWS_ALERTS] = COLUMNS(alert_columns), [ROWS_SAS] = COLUMNS(sa_columns),
	};
	struct rows *r = calloc(1, sizeof(*r));

	memory_or_end(r);
	r->kind = kind;
	r->sink = (struct record_sink){
		.user = r, .tunnel = tunnel_row, .ike_sa = ike_row, .esp_sa = esp_row,
		.child_sa = child_row,
		.exchange = exchange_row, .event = event_row, .alert = alert_row,
	};
	if (kind == ROWS_SAS) {
		r->sink.ike_sa = sa_row_of_ike;
		r->sink.child_sa = sa_row_of_child;
		r->sink.esp_sa = sa_row_of_esp;
	}
	if (format == TABLE_JSON)
		r->sink = report_json(out);
	else
		r->table = table_open(out, format, NULL, columns[kind].names, columns[kind].n);
	return r;
}

struct record_sink rows_sink(struct rows *r)
{
	return only(r->sink, r->kind);
}

void rows_close(struct rows *r)
{
	if (r)
		table_close(r->table);
	free(r);
}
