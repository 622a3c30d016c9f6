/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One function per kind of record: bind its members in the order of the columns. */
#include "store/row.h"

#include <string.h>

/* Within a transaction; on failure the record is lost and counted. */
static bool begin(struct store *s, enum statement which, bool durable, struct row *ret,
		  struct err *e)
{
	*ret = (struct row){ .s = s, .st = s->statements[which], .which = which };
	s->scratched = 0;
	if (store_begin(s, durable, e))
		return true;
	s->counters.failed_rows++;
	return false;
}

static bool end(struct row *w, struct err *e)
{
	if (w->rc == SQLITE_OK) {
		w->rc = store_put_step(w->s, w->which, w->id);
		if (w->rc == SQLITE_DONE)
			w->rc = SQLITE_OK;
	}
	sqlite3_reset(w->st);
	if (w->rc != SQLITE_OK) {
		store_fault(w->s, w->rc, e);
		/* this record is wrong, not the world */
		if ((w->rc & 0xff) == SQLITE_CONSTRAINT)
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
			if (peers)
				store_rollback(s, 1);
			else	/* this record is wrong, not the world */
				s->counters.failed_rows++;
			return false;
		}
	}
	ret->id = (int64_t)id;
	row_integer(ret, ret->id);
	row_reference(ret, (uint64_t)row);
	return true;
}

static bool find_capture(struct store *s, const char *fingerprint, int64_t size, uint32_t *ret_id,
			 bool *ret_known, struct err *e)
{
	struct row w = { .s = s, .st = s->statements[ST_CAPTURE_FIND] };

	row_integer(&w, s->sensor);
	row_text(&w, fingerprint);
	row_known(&w, size);
	w.rc = w.rc == SQLITE_OK ? sqlite3_step(w.st) : w.rc;
	if (w.rc == SQLITE_ROW) {
		*ret_id = (uint32_t)sqlite3_column_int64(w.st, 0);
		*ret_known = sqlite3_column_int(w.st, 1) != 0;	/* NULL (a size is unknown) is 0 */
	}
	sqlite3_reset(w.st);
	return w.rc == SQLITE_ROW || w.rc == SQLITE_DONE || store_fault(s, w.rc, e);
}

bool store_capture_begin(struct store *s, const char *name, const char *kind,
			 const char *fingerprint, int64_t size, uint32_t *ret_id, bool *ret_known,
			 struct err *e)
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
		row_integer(&w, s->sensor);
		row_text(&w, name);
		row_text(&w, kind);
		row_text(&w, fingerprint);
		row_known(&w, size);
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
	row_integer(&w, r->id);
	row_integer(&w, s->sensor);
	row_text(&w, r->name);
	row_text(&w, r->kind);
	row_text(&w, r->link_type);
	row_text(&w, r->fingerprint);
	row_known(&w, r->size);
	row_time(&w, r->first);
	row_time(&w, r->last);
	row_known(&w, r->packets);
	row_known(&w, r->bytes);
	row_known(&w, r->ike_messages);
	row_known(&w, r->esp_packets);
	row_known(&w, r->ah_packets);
	row_known(&w, r->keepalives);
	row_known(&w, r->duplicates);
	row_known(&w, r->malformed);
	row_known(&w, r->cut);
	row_known(&w, r->dropped);
	row_known(&w, r->fragments);
	row_texts(&w, r->warnings, r->n_warnings);
	row_integer(&w, r->complete);
	return end(&w, e) && (strcmp(r->kind, "interface") != 0 || store_heartbeat(s, e));
}

bool store_capture_complete(struct store *s, uint32_t id, struct err *e)
{
	struct row w;

	if (!begin(s, ST_CAPTURE_COMPLETE, false, &w, e))
		return false;
	row_integer(&w, id);
	return end(&w, e);
}

bool store_tunnel(struct store *s, const struct record_tunnel *r, struct err *e)
{
	struct row w;

	if (s->without_details && !store_tunnel_is_known(s, r))
		return true;		/* nothing was heard of it but that it is there */
	if (!begin(s, ST_TUNNEL_PUT, false, &w, e))
		return false;

	int64_t row = store_tunnel_row_of(s, r, e);

	if (row == 0) {
		store_rollback(s, 1);
		return false;
	}
	row_text(&w, tunnel_state_text(r->state));
	row_time(&w, r->since);
	row_time(&w, r->first);
	row_time(&w, r->last);
	row_known(&w, r->behind_nat[0]);
	row_known(&w, r->behind_nat[1]);
	row_texts(&w, r->unobservable, r->n_unobservable);
	row_integer(&w, row);
	return end(&w, e);
}

static void put_offers(struct row *w, const struct record_offer *offers, size_t n)
{
	struct json_text *j = row_list_begin(w, '[');

	for (size_t i = 0; i < n; i++) {
		const struct record_offer *f = &offers[i];
		const struct { const char *name, *text; } texts[] = {
			{ "encryption", f->encryption }, { "integrity", f->integrity }, { "prf",
			  f->prf },
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
	row_list_end(w, ']');
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
	row_known(w, number > 0 ? number : RECORD_UNKNOWN);
}

bool store_ike_sa(struct store *s, const struct record_ike_sa *r, struct err *e)
{
	struct row w;

	if (!begin_object(s, ST_IKE_SA_PUT, r->id, r->tunnel, r->peers, false, &w, e))
		return false;
	row_integer(&w, r->version);
	row_ike_spi(&w, r->spi_i, false);
	row_ike_spi(&w, r->spi_r, true);
	row_endpoint(&w, r->initiator);
	row_endpoint(&w, r->responder);
	row_text(&w, ike_state_text(r->state));
	row_text(&w, origin_text(r->origin));
	row_reference(&w, r->parent);
	row_ike_spis(&w, r->parent_spi_i, r->parent_spi_r);
	row_time(&w, r->created);
	row_time(&w, r->established);
	row_time(&w, r->ended);
	row_time(&w, r->last);
	row_text(&w, end_reason_text(r->end_reason));
	row_known(&w, r->ended_by);
	row_text(&w, r->suite.encryption);
	row_text(&w, r->suite.integrity);
	row_text(&w, r->suite.prf);
	row_text(&w, r->suite.group);
	row_text(&w, r->suite.auth);
	put_stated(&w, r->suite.key_bits);
	put_stated(&w, r->suite.life_seconds);
	put_stated(&w, r->suite.life_kilobytes);
	put_offers(&w, r->offered, r->n_offered);
	row_known(&w, offered_life_seconds(r));
	row_known(&w, r->nat_initiator);
	row_known(&w, r->nat_responder);
	row_texts(&w, r->vendor_ids, r->n_vendor_ids);
	row_reference(&w, r->first_frame);
	row_reference(&w, r->last_frame);
	row_known(&w, r->messages);
	row_text(&w, grade_text(r->grade));
	return end(&w, e);
}

bool store_esp_sa(struct store *s, const struct record_esp_sa *r, struct err *e)
{
	char spi[SPI_TEXT_MAX];
	struct row w;

	if (!begin_object(s, ST_ESP_SA_PUT, r->id, r->tunnel, r->peers, false, &w, e))
		return false;
	row_text(&w, esp_protocol_text(r->protocol));
	row_text(&w, spi_text(r->spi, spi));
	row_endpoint(&w, r->src);
	row_endpoint(&w, r->dst);
	row_text(&w, encap_text(r->encap));
	row_integer(&w, r->generation);
	row_time(&w, r->first);
	row_time(&w, r->last);
	row_known(&w, r->packets);
	row_known(&w, r->bytes);
	row_known(&w, r->seq_first);
	row_known(&w, r->seq_last);
	row_known(&w, r->lost);
	row_known(&w, r->late);
	row_known(&w, r->duplicates);
	row_reference(&w, r->predecessor);
	row_esp_spi(&w, r->predecessor_spi);
	row_reference(&w, r->successor);
	row_esp_spi(&w, r->successor_spi);
	row_text(&w, end_reason_text(r->end_reason));
	row_known(&w, r->ended_by);
	row_reference(&w, r->first_frame);
	row_reference(&w, r->last_frame);
	row_text(&w, grade_text(r->grade));
	return end(&w, e);
}

bool store_child_sa(struct store *s, const struct record_child_sa *r, struct err *e)
{
	struct row w;

	if (!begin_object(s, ST_CHILD_SA_PUT, r->id, r->tunnel, r->peers, false, &w, e))
		return false;
	row_reference(&w, r->ike_sa);
	row_ike_spis(&w, r->ike_spi_i, r->ike_spi_r);
	row_reference(&w, r->sas[0]);
	row_reference(&w, r->sas[1]);
	row_esp_spi(&w, r->spis[0]);
	row_esp_spi(&w, r->spis[1]);
	row_text(&w, child_state_text(r->state));
	row_time(&w, r->created);
	row_known(&w, r->created_by);
	row_text(&w, created_how_text(r->created_how));
	row_reference(&w, r->predecessor);
	row_esp_spi(&w, r->predecessor_spis[0]);
	row_esp_spi(&w, r->predecessor_spis[1]);
	row_time(&w, r->ended);
	row_text(&w, end_reason_text(r->end_reason));
	row_known(&w, r->ended_by);
	row_known(&w, r->rekeyed_by);
	row_time(&w, r->rekey_at);
	row_text(&w, grade_text(r->grade));
	return end(&w, e);
}

void store_without_details(struct store *s)
{
	s->without_details = true;
}

/* Of an event or an exchange no more is kept than that its tunnel was heard. */
static bool note_heard(struct store *s, object_id tunnel, const struct endpoint *peers,
		       struct err *e)
{
	struct row w;

	return tunnel == 0 || begin_object(s, ST_EVENT_PUT, 0, tunnel, peers, false, &w, e);
}

bool store_exchange(struct store *s, const struct record_exchange *r, struct err *e)
{
	struct row w;

	if (s->without_details)
		return note_heard(s, r->tunnel, r->peers, e);
	if (!begin_object(s, ST_EXCHANGE_PUT, r->id, r->tunnel, r->peers, false, &w, e))
		return false;
	row_reference(&w, r->ike_sa);
	row_ike_spi(&w, r->spi_i, false);
	row_ike_spi(&w, r->spi_r, true);
	row_integer(&w, r->version);
	row_integer(&w, r->exchange);
	row_text(&w, r->kind);
	row_integer(&w, r->message_id);
	row_known(&w, r->from);
	row_time(&w, r->request_at);
	row_time(&w, r->response_at);
	row_known(&w, r->requests);
	row_known(&w, r->responses);
	row_known(&w, r->request_bytes);
	row_known(&w, r->response_bytes);
	row_known(&w, r->rtt_ns);
	row_text(&w, exchange_outcome_text(r->outcome));
	row_text(&w, exchange_purpose_text(r->purpose));
	row_reference(&w, r->request_frame);
	row_reference(&w, r->response_frame);
	row_text(&w, grade_text(r->grade));
	return end(&w, e);
}

bool store_event(struct store *s, const struct record_event *r, struct err *e)
{
	struct row w;

	if (s->without_details)
		return note_heard(s, r->tunnel, r->peers, e);
	if (!begin_object(s, ST_EVENT_PUT, object_id_of(r->capture, r->seq), r->tunnel, r->peers,
			  false, &w, e))
		return false;
	row_time(&w, r->at);
	row_text(&w, r->kind);
	row_text(&w, r->text);
	row_frames(&w, r->frames, r->n_frames);
	return end(&w, e);
}

static void put_evidence(struct row *w, const struct record_evidence *items, size_t n)
{
	struct json_text *j = row_list_begin(w, '{');

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
	row_list_end(w, '}');
}

static void put_actions(struct row *w, const struct record_action *actions, size_t n)
{
	struct json_text *j = row_list_begin(w, '[');

	for (size_t i = 0; i < n; i++) {
		json_text_mark(j, '{');
		json_text_name(j, "vendor");
		json_text_string(j, actions[i].vendor);
		json_text_name(j, "text");
		json_text_string(j, actions[i].text);
		json_text_mark(j, '}');
	}
	row_list_end(w, ']');
}

bool store_alert(struct store *s, const struct record_alert *r, struct err *e)
{
	struct row w;

	if (!begin_object(s, ST_ALERT_PUT, r->id, r->tunnel, r->peers, true, &w, e))
		return false;
	row_text(&w, r->code);
	row_text(&w, severity_text(r->severity));
	row_text(&w, confidence_text(r->confidence));
	row_text(&w, r->cleared ? "cleared" : "raised");
	row_time(&w, r->first);
	row_time(&w, r->last);
	row_time(&w, r->raised);
	row_time(&w, r->cleared_at);
	row_known(&w, r->count);
	row_text(&w, r->summary);
	row_text(&w, r->cause);
	row_reference(&w, r->incident);
	put_evidence(&w, r->evidence, r->n_evidence);
	row_frames(&w, r->frames, r->n_frames);
	put_actions(&w, r->actions, r->n_actions);
	return end(&w, e);
}

bool store_traffic(struct store *s, const struct record_traffic *r, struct err *e)
{
	struct row w;

	if (s->without_details)
		return true;
	if (!begin(s, ST_TRAFFIC_PUT, false, &w, e))
		return false;
	row_time(&w, r->bucket);
	row_integer(&w, (int64_t)r->esp_sa);
	row_known(&w, r->packets);
	row_known(&w, r->bytes);
	row_known(&w, r->lost);
	return end(&w, e);
}

bool store_expected_clear(struct store *s, struct err *e)
{
	struct row w;

	if (!begin(s, ST_EXPECTED_CLEAR, false, &w, e))
		return false;
	row_integer(&w, s->sensor);
	return end(&w, e);
}

bool store_expected(struct store *s, const struct endpoint peers[2], const char *label,
		    struct err *e)
{
	char name[TUNNEL_TEXT_MAX];
	struct row w;

	if (!begin(s, ST_EXPECTED_PUT, false, &w, e))
		return false;
	row_integer(&w, s->sensor);
	row_text(&w, tunnel_text(peers, name));
	row_text(&w, label);
	return end(&w, e);
}
