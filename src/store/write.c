/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One function per kind of record: bind its members in the order of the columns. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "store/store_parts.h"

/* A statement being filled; the first failure sticks. */
struct row {
	struct store *s;
	sqlite3_stmt *st;
	int at;			/* value bound last */
	int rc;
};

static void put(struct row *w, int rc)
{
	if (w->rc == SQLITE_OK)
		w->rc = rc;
}

static void put_null(struct row *w)
{
	put(w, sqlite3_bind_null(w->st, ++w->at));
}

static void put_integer(struct row *w, int64_t number)
{
	put(w, sqlite3_bind_int64(w->st, ++w->at, number));
}

/* A number that is never negative: RECORD_UNKNOWN, or an unknown side or answer, is NULL. */
static void put_known(struct row *w, int64_t number)
{
	if (number < 0)
		put_null(w);
	else
		put_integer(w, number);
}

/* An object, frame or port of which 0 is "none". */
static void put_reference(struct row *w, uint64_t id)
{
	if (id == 0)
		put_null(w);
	else
		put_integer(w, (int64_t)id);
}

static void put_time(struct row *w, nsec at)
{
	if (at == NSEC_NONE)
		put_null(w);
	else
		put_integer(w, at);
}

/* Borrowed until the statement has run; NULL is NULL. */
static void put_text(struct row *w, const char *text)
{
	put(w, sqlite3_bind_text(w->st, ++w->at, text, -1, SQLITE_STATIC));
}

static void put_copy(struct row *w, const char *text)
{
	put(w, sqlite3_bind_text(w->st, ++w->at, text, -1, SQLITE_TRANSIENT));
}

static void put_esp_spi(struct row *w, uint32_t spi)
{
	char text[SPI_TEXT_MAX];

	put_copy(w, spi ? spi_text(spi, text) : NULL);
}

static void put_ike_spi(struct row *w, uint64_t spi, bool zero_is_unknown)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, spi);
	put_copy(w, spi == 0 && zero_is_unknown ? NULL : text);
}

static void put_ike_spis(struct row *w, uint64_t spi_i, uint64_t spi_r)
{
	put_ike_spi(w, spi_i, spi_r == 0);	/* 0,0 is none */
	put_ike_spi(w, spi_r, true);
}

static void put_endpoint(struct row *w, struct endpoint p)
{
	char text[ADDR_TEXT_MAX];
	uint8_t key[16];

	put_copy(w, addr_text(p.addr, text));
	put_integer(w, p.port);
	addr_bytes(p.addr, key);
	put(w, sqlite3_bind_blob(w->st, ++w->at, key, sizeof(key), SQLITE_TRANSIENT));
}

static struct json_text *list_begin(struct row *w, char mark)
{
	json_text_clear(&w->s->json);
	json_text_mark(&w->s->json, mark);
	return &w->s->json;
}

static void put_list(struct row *w, char mark)
{
	struct json_text *j = &w->s->json;

	json_text_mark(j, mark);
	if (j->failed)
		put(w, SQLITE_NOMEM);
	else
		put_copy(w, j->at);
}

static void put_texts(struct row *w, const char *const *texts, size_t n)
{
	struct json_text *j = list_begin(w, '[');

	for (size_t i = 0; i < n; i++)
		json_text_string(j, texts[i]);
	put_list(w, ']');
}

static void put_frames(struct row *w, const uint64_t *frames, size_t n)
{
	struct json_text *j = list_begin(w, '[');

	for (size_t i = 0; i < n; i++)
		json_text_unsigned(j, frames[i]);
	put_list(w, ']');
}

/* Within a transaction; on failure the record is lost and counted. */
static bool begin(struct store *s, enum statement which, bool durable, struct row *ret, struct err *e)
{
	*ret = (struct row){ .s = s, .st = s->statements[which] };
	if (store_begin(s, durable, e))
		return true;
	s->counters.failed_rows++;
	return false;
}

static bool end(struct row *w, struct err *e)
{
	if (w->rc == SQLITE_OK) {
		w->rc = sqlite3_step(w->st);
		if (w->rc == SQLITE_DONE)
			w->rc = SQLITE_OK;
	}
	sqlite3_reset(w->st);
	if (w->rc != SQLITE_OK) {
		store_fault(w->s, w->rc, e);
		if ((w->rc & 0xff) == SQLITE_CONSTRAINT)	/* this record is wrong, not the world */
			w->s->counters.failed_rows++;
		else
			store_rollback(w->s, 1);
		return false;
	}
	w->s->rows++;
	return store_tick(w->s, e);
}

/* The two columns that every object's row begins with. */
static bool begin_object(struct store *s, enum statement which, object_id id, object_id tunnel,
			 const struct endpoint *peers, bool durable, struct row *ret, struct err *e)
{
	int64_t row = 0;

	if (!begin(s, which, durable, ret, e))
		return false;
	if (tunnel != 0) {
		row = store_tunnel_row(s, tunnel, peers, e);
		if (row == 0) {
			store_rollback(s, 1);
			return false;
		}
	}
	put_integer(ret, (int64_t)id);
	put_reference(ret, (uint64_t)row);
	return true;
}

static bool find_capture(struct store *s, const char *fingerprint, int64_t size, uint32_t *ret_id, bool *ret_known,
			 struct err *e)
{
	struct row w = { .s = s, .st = s->statements[ST_CAPTURE_FIND] };

	put_integer(&w, s->sensor);
	put_text(&w, fingerprint);
	put_known(&w, size);
	w.rc = w.rc == SQLITE_OK ? sqlite3_step(w.st) : w.rc;
	if (w.rc == SQLITE_ROW) {
		*ret_id = (uint32_t)sqlite3_column_int64(w.st, 0);
		*ret_known = sqlite3_column_int(w.st, 1) != 0;	/* NULL (a size is unknown) is 0 */
	}
	sqlite3_reset(w.st);
	return w.rc == SQLITE_ROW || w.rc == SQLITE_DONE || store_fault(s, w.rc, e);
}

bool store_capture_begin(struct store *s, const char *name, const char *kind, const char *fingerprint, int64_t size,
			 uint32_t *ret_id, bool *ret_known, struct err *e)
{
	struct row w;

	*ret_id = 0;
	*ret_known = false;
	if (!store_commit(s, e) || !begin(s, ST_CAPTURE_ADD, false, &w, e))
		return false;
	if (!find_capture(s, fingerprint, size, ret_id, ret_known, e)) {
		store_rollback(s, 1);
		return false;
	}
	if (*ret_id == 0) {
		put_integer(&w, s->sensor);
		put_text(&w, name);
		put_text(&w, kind);
		put_text(&w, fingerprint);
		put_known(&w, size);
		if (!end(&w, e))
			return false;
		*ret_id = (uint32_t)sqlite3_last_insert_rowid(s->db);
	}
	/* At once: nobody else may be kept waiting while the capture is opened. */
	return store_commit(s, e);
}

bool store_capture(struct store *s, const struct record_capture *r, struct err *e)
{
	struct row w;

	if (!begin(s, ST_CAPTURE_PUT, false, &w, e))
		return false;
	put_integer(&w, r->id);
	put_integer(&w, s->sensor);
	put_text(&w, r->name);
	put_text(&w, r->kind);
	put_text(&w, r->link_type);
	put_text(&w, r->fingerprint);
	put_known(&w, r->size);
	put_time(&w, r->first);
	put_time(&w, r->last);
	put_known(&w, r->packets);
	put_known(&w, r->bytes);
	put_known(&w, r->ike_messages);
	put_known(&w, r->esp_packets);
	put_known(&w, r->ah_packets);
	put_known(&w, r->keepalives);
	put_known(&w, r->duplicates);
	put_known(&w, r->malformed);
	put_known(&w, r->cut);
	put_known(&w, r->dropped);
	put_known(&w, r->fragments);
	put_texts(&w, r->warnings, r->n_warnings);
	put_integer(&w, r->complete);
	return end(&w, e);
}

bool store_tunnel(struct store *s, const struct record_tunnel *r, struct err *e)
{
	struct row w;

	if (!begin(s, ST_TUNNEL_PUT, false, &w, e))
		return false;

	int64_t row = store_tunnel_row_of(s, r, e);

	if (row == 0) {
		store_rollback(s, 1);
		return false;
	}
	put_text(&w, tunnel_state_text(r->state));
	put_time(&w, r->since);
	put_time(&w, r->first);
	put_time(&w, r->last);
	put_known(&w, r->behind_nat[0]);
	put_known(&w, r->behind_nat[1]);
	put_texts(&w, r->unobservable, r->n_unobservable);
	put_integer(&w, row);
	return end(&w, e);
}

static void put_offers(struct row *w, const struct record_offer *offers, size_t n)
{
	struct json_text *j = list_begin(w, '[');

	for (size_t i = 0; i < n; i++) {
		const struct record_offer *f = &offers[i];
		const struct { const char *name, *text; } texts[] = {
			{ "encryption", f->encryption }, { "integrity", f->integrity }, { "prf", f->prf },
			{ "group", f->group }, { "auth", f->auth },
		};
		const struct { const char *name; int64_t number; } numbers[] = {
			{ "key_bits", f->key_bits }, { "life_seconds", f->life_seconds },
			{ "life_kilobytes", f->life_kilobytes },
		};

		json_text_mark(j, '{');
		for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++) {
			json_text_name(j, texts[k].name);
			json_text_string(j, texts[k].text);
		}
		for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
			json_text_name(j, numbers[k].name);
			if (numbers[k].number > 0)
				json_text_integer(j, numbers[k].number);
			else
				json_text_null(j);
		}
		json_text_mark(j, '}');
	}
	put_list(w, ']');
}

/* The first lifetime that the offers state: what its sender is configured to. */
static int64_t offered_life_seconds(const struct record_ike_sa *r)
{
	for (size_t i = 0; i < r->n_offered; i++)
		if (r->offered[i].life_seconds > 0)
			return r->offered[i].life_seconds;
	return RECORD_UNKNOWN;
}

/* In an offer 0 is "not stated", too: no peer can mean a key or a lifetime of nothing. */
static void put_stated(struct row *w, int64_t number)
{
	put_known(w, number > 0 ? number : RECORD_UNKNOWN);
}

bool store_ike_sa(struct store *s, const struct record_ike_sa *r, struct err *e)
{
	struct row w;

	if (!begin_object(s, ST_IKE_SA_PUT, r->id, r->tunnel, r->peers, false, &w, e))
		return false;
	put_integer(&w, r->version);
	put_ike_spi(&w, r->spi_i, false);
	put_ike_spi(&w, r->spi_r, true);
	put_endpoint(&w, r->initiator);
	put_endpoint(&w, r->responder);
	put_text(&w, ike_state_text(r->state));
	put_text(&w, origin_text(r->origin));
	put_reference(&w, r->parent);
	put_ike_spis(&w, r->parent_spi_i, r->parent_spi_r);
	put_time(&w, r->created);
	put_time(&w, r->established);
	put_time(&w, r->ended);
	put_time(&w, r->last);
	put_text(&w, end_reason_text(r->end_reason));
	put_known(&w, r->ended_by);
	put_text(&w, r->suite.encryption);
	put_text(&w, r->suite.integrity);
	put_text(&w, r->suite.prf);
	put_text(&w, r->suite.group);
	put_text(&w, r->suite.auth);
	put_stated(&w, r->suite.key_bits);
	put_stated(&w, r->suite.life_seconds);
	put_stated(&w, r->suite.life_kilobytes);
	put_offers(&w, r->offered, r->n_offered);
	put_known(&w, offered_life_seconds(r));
	put_known(&w, r->nat_initiator);
	put_known(&w, r->nat_responder);
	put_texts(&w, r->vendor_ids, r->n_vendor_ids);
	put_reference(&w, r->first_frame);
	put_reference(&w, r->last_frame);
	put_known(&w, r->messages);
	put_text(&w, grade_text(r->grade));
	return end(&w, e);
}

bool store_esp_sa(struct store *s, const struct record_esp_sa *r, struct err *e)
{
	char spi[SPI_TEXT_MAX];
	struct row w;

	if (!begin_object(s, ST_ESP_SA_PUT, r->id, r->tunnel, r->peers, false, &w, e))
		return false;
	put_text(&w, esp_protocol_text(r->protocol));
	put_text(&w, spi_text(r->spi, spi));
	put_endpoint(&w, r->src);
	put_endpoint(&w, r->dst);
	put_text(&w, encap_text(r->encap));
	put_integer(&w, r->generation);
	put_time(&w, r->first);
	put_time(&w, r->last);
	put_known(&w, r->packets);
	put_known(&w, r->bytes);
	put_known(&w, r->seq_first);
	put_known(&w, r->seq_last);
	put_known(&w, r->lost);
	put_known(&w, r->late);
	put_known(&w, r->duplicates);
	put_reference(&w, r->predecessor);
	put_esp_spi(&w, r->predecessor_spi);
	put_reference(&w, r->successor);
	put_esp_spi(&w, r->successor_spi);
	put_text(&w, end_reason_text(r->end_reason));
	put_known(&w, r->ended_by);
	put_reference(&w, r->first_frame);
	put_reference(&w, r->last_frame);
	put_text(&w, grade_text(r->grade));
	return end(&w, e);
}

bool store_child_sa(struct store *s, const struct record_child_sa *r, struct err *e)
{
	struct row w;

	if (!begin_object(s, ST_CHILD_SA_PUT, r->id, r->tunnel, r->peers, false, &w, e))
		return false;
	put_reference(&w, r->ike_sa);
	put_ike_spis(&w, r->ike_spi_i, r->ike_spi_r);
	put_reference(&w, r->sas[0]);
	put_reference(&w, r->sas[1]);
	put_esp_spi(&w, r->spis[0]);
	put_esp_spi(&w, r->spis[1]);
	put_text(&w, child_state_text(r->state));
	put_time(&w, r->created);
	put_known(&w, r->created_by);
	put_text(&w, created_how_text(r->created_how));
	put_reference(&w, r->predecessor);
	put_esp_spi(&w, r->predecessor_spis[0]);
	put_esp_spi(&w, r->predecessor_spis[1]);
	put_time(&w, r->ended);
	put_text(&w, end_reason_text(r->end_reason));
	put_known(&w, r->ended_by);
	put_known(&w, r->rekeyed_by);
	put_time(&w, r->rekey_at);
	put_text(&w, grade_text(r->grade));
	return end(&w, e);
}

bool store_exchange(struct store *s, const struct record_exchange *r, struct err *e)
{
	struct row w;

	if (!begin_object(s, ST_EXCHANGE_PUT, r->id, r->tunnel, r->peers, false, &w, e))
		return false;
	put_reference(&w, r->ike_sa);
	put_ike_spi(&w, r->spi_i, false);
	put_ike_spi(&w, r->spi_r, true);
	put_integer(&w, r->version);
	put_integer(&w, r->exchange);
	put_text(&w, r->kind);
	put_integer(&w, r->message_id);
	put_known(&w, r->from);
	put_time(&w, r->request_at);
	put_time(&w, r->response_at);
	put_known(&w, r->requests);
	put_known(&w, r->responses);
	put_known(&w, r->request_bytes);
	put_known(&w, r->response_bytes);
	put_known(&w, r->rtt_ns);
	put_text(&w, exchange_outcome_text(r->outcome));
	put_text(&w, exchange_purpose_text(r->purpose));
	put_reference(&w, r->request_frame);
	put_reference(&w, r->response_frame);
	put_text(&w, grade_text(r->grade));
	return end(&w, e);
}

bool store_event(struct store *s, const struct record_event *r, struct err *e)
{
	struct row w;

	if (!begin_object(s, ST_EVENT_PUT, object_id_of(r->capture, r->seq), r->tunnel, r->peers, false, &w, e))
		return false;
	put_time(&w, r->at);
	put_text(&w, r->kind);
	put_text(&w, r->text);
	put_frames(&w, r->frames, r->n_frames);
	return end(&w, e);
}

static void put_evidence(struct row *w, const struct record_evidence *items, size_t n)
{
	struct json_text *j = list_begin(w, '{');

	for (size_t i = 0; i < n; i++) {
		json_text_name(j, items[i].name);
		switch (items[i].type) {
		case EVIDENCE_INTEGER:
			json_text_integer(j, items[i].integer);
			break;
		case EVIDENCE_REAL:
			json_text_real(j, items[i].real);
			break;
		case EVIDENCE_TEXT:
			json_text_string(j, items[i].text);
			break;
		}
	}
	put_list(w, '}');
}

static void put_actions(struct row *w, const struct record_action *actions, size_t n)
{
	struct json_text *j = list_begin(w, '[');

	for (size_t i = 0; i < n; i++) {
		json_text_mark(j, '{');
		json_text_name(j, "vendor");
		json_text_string(j, actions[i].vendor);
		json_text_name(j, "text");
		json_text_string(j, actions[i].text);
		json_text_mark(j, '}');
	}
	put_list(w, ']');
}

bool store_alert(struct store *s, const struct record_alert *r, struct err *e)
{
	struct row w;

	if (!begin_object(s, ST_ALERT_PUT, r->id, r->tunnel, r->peers, true, &w, e))
		return false;
	put_text(&w, r->code);
	put_text(&w, severity_text(r->severity));
	put_text(&w, confidence_text(r->confidence));
	put_text(&w, r->cleared ? "cleared" : "raised");
	put_time(&w, r->first);
	put_time(&w, r->last);
	put_time(&w, r->raised);
	put_time(&w, r->cleared_at);
	put_known(&w, r->count);
	put_text(&w, r->summary);
	put_text(&w, r->cause);
	put_reference(&w, r->incident);
	put_evidence(&w, r->evidence, r->n_evidence);
	put_frames(&w, r->frames, r->n_frames);
	put_actions(&w, r->actions, r->n_actions);
	return end(&w, e);
}

bool store_traffic(struct store *s, const struct record_traffic *r, struct err *e)
{
	struct row w;

	if (!begin(s, ST_TRAFFIC_PUT, false, &w, e))
		return false;
	put_time(&w, r->bucket);
	put_integer(&w, (int64_t)r->esp_sa);
	put_known(&w, r->packets);
	put_known(&w, r->bytes);
	put_known(&w, r->lost);
	return end(&w, e);
}
