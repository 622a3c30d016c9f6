/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/image_values.h"

/* ---- what they are made of ------------------------------------------------ */

void image_tunnel_fields(struct fields *f, void *structure)
{
	struct tunnel *w = structure;

	FIELD(f, w->id);
	for (int side = 0; side < 2; side++) {
		struct tunnel_side *s = &w->side[side];

		fields_endpoint(f, &w->peer[side]);
		FIELD(f, s->esp_packets_before);
		FIELD_MAYBE(f, s->esp_last);
	}
	FIELD(f, w->network);
	FIELD_MAYBE(f, w->first);
	FIELD_MAYBE(f, w->last);
	FIELD(f, w->behind_nat);
	FIELD(f, w->ike_sas);
	FIELD(f, w->child_sas);
	FIELD(f, w->esp_sas);
	FIELD(f, w->oldest_ike_sa);
	FIELD(f, w->oldest_child_sa);
	FIELD(f, w->oldest_esp_sa);
	FIELD(f, w->n_ike_sas);
	FIELD(f, w->n_child_sas);
	FIELD(f, w->n_esp_sas);
	FIELD(f, w->live_ike);
	FIELD(f, w->live_child);
	FIELD(f, w->live_esp);
	FIELD(f, w->unowned_child);
	FIELD(f, w->unowned_living);
	FIELD(f, w->esp_judged);
	FIELD(f, w->mirror_seen);
	FIELD(f, w->one_sided);
	FIELD_MAYBE(f, w->loss_last);
	FIELD(f, w->flags);
	FIELD_MAYBE(f, w->due);
	FIELD_BELOW(f, w->state, TUNNEL_FLAPPING + 1);
	FIELD_MAYBE(f, w->state_since);
	FIELD(f, w->generation);
	FIELD(f, w->paths);
	FIELD(f, w->n_paths);
	FIELD_BELOW(f, w->n_deletes, PENDING_DELETES + 1);
	FIELD(f, w->unconfirmed);
	FIELD_MAYBE(f, w->purse_hints);
	FIELD_MAYBE(f, w->purse_confirmed);
	FIELD(f, w->left_out.n);
	FIELD_MAYBE(f, w->left_out.since);
	FIELD_MAYBE(f, w->left_out.last);
}

void image_tunnel_more_fields(struct fields *f, void *structure)
{
	struct tunnel_more *m = structure;

	for (int side = 0; side < 2; side++) {
		struct tunnel_ike *s = &m->ike[side];

		fields_endpoint(f, &m->now[side]);
		FIELD(f, s->messages);
		FIELD_MAYBE(f, s->last);
		FIELD(f, s->proven_unseen);
		FIELD_MAYBE(f, s->unseen_since);
		FIELD_MAYBE(f, s->unseen_last);
		FIELD(f, s->unseen_frame);
		FIELD(f, s->reassembled);
		FIELD(f, s->heard);
	}
	FIELD(f, m->mirrored);
	FIELD(f, m->counted);
}

void image_path_fields(struct fields *f, void *structure)
{
	struct path *p = structure;

	fields_endpoint(f, &p->a);
	fields_endpoint(f, &p->b);
	FIELD(f, p->tunnel);
	FIELD(f, p->side_of_a);
	FIELD(f, p->next_in_tunnel);
	FIELD(f, p->hash);
}

void image_delete_fields(struct fields *f, void *structure)
{
	struct pending_delete *d = structure;

	FIELD_MAYBE(f, d->at);
	FIELD(f, d->frame);
	FIELD(f, d->tunnel);
	FIELD(f, d->ike_sa);
	FIELD(f, d->by);
	FIELD(f, d->answered);
}

static void exchange_fields(struct fields *f, struct exchange *x)
{
	FIELD(f, x->id);
	FIELD(f, x->tunnel);
	FIELD(f, x->ike_sa);
	FIELD(f, x->spi_i);
	FIELD(f, x->spi_r);
	FIELD(f, x->major);
	FIELD(f, x->type);
	FIELD(f, x->from);
	FIELD(f, x->closed);
	FIELD(f, x->message_id);
	FIELD_MAYBE(f, x->request_at);
	FIELD_MAYBE(f, x->request_last);
	FIELD_MAYBE(f, x->response_at);
	FIELD_MAYBE(f, x->response_last);
	FIELD_MAYBE(f, x->last_gap);
	FIELD(f, x->request_frame);
	FIELD(f, x->request_last_frame);
	FIELD(f, x->response_frame);
	FIELD(f, x->response_last_frame);
	FIELD(f, x->requests);
	FIELD(f, x->responses);
	FIELD(f, x->requests_after_response);
	FIELD(f, x->request_bytes);
	FIELD(f, x->response_bytes);
	FIELD(f, x->request_np1);
	FIELD(f, x->response_np1);
	FIELD(f, x->request_src_port);
	FIELD(f, x->request_dst_port);
	FIELD(f, x->response_src_port);
	FIELD(f, x->response_dst_port);
	FIELD(f, x->request_ip_fragments);
	FIELD(f, x->response_ip_fragments);
	FIELD(f, x->request_fragment_total);
	FIELD(f, x->response_fragment_total);
	FIELD(f, x->request_fragments_seen);
	FIELD(f, x->response_fragments_seen);
	FIELD(f, x->request_recut);
	FIELD(f, x->response_recut);
	FIELD(f, x->request_hash);
	FIELD(f, x->response_hash);
	FIELD_BELOW(f, x->outcome, OUTCOME_ONE_WAY + 1);
	FIELD_BELOW(f, x->purpose, PURPOSE_OTHER + 1);
	FIELD_BELOW(f, x->grade, GRADE_OBSERVED + 1);
	FIELD(f, x->error);
	FIELD(f, x->error_group);
	FIELD(f, x->written);
	FIELD(f, x->quiet);
	FIELD(f, x->crossing_told);
}

void image_offer1_fields(struct fields *f, void *structure)
{
	struct ike1_offer *o = structure;

	FIELD(f, o->encryption);
	FIELD(f, o->hash);
	FIELD(f, o->auth);
	FIELD(f, o->group);
	FIELD(f, o->prf);
	FIELD(f, o->key_bits);
	FIELD(f, o->life_seconds);
	FIELD(f, o->life_kilobytes);
	FIELD(f, o->has_life_seconds);
	FIELD(f, o->has_life_kilobytes);
	FIELD(f, o->life_malformed);
}

void image_transform_fields(struct fields *f, void *structure)
{
	struct ike2_transform *o = structure;

	FIELD(f, o->proposal);
	FIELD(f, o->protocol);
	FIELD(f, o->type);
	FIELD(f, o->id);
	FIELD(f, o->key_bits);
}

/* Its name is an address of this run, and not among its values. */
void image_vendor_fields(struct fields *f, void *structure)
{
	struct ike_vendor *v = structure;

	FIELD(f, v->hex);
	FIELD(f, v->side);
}

/* What it offers and its vendors lie elsewhere. */
void image_ike_sa_fields(struct fields *f, void *structure)
{
	struct ike_sa *sa = structure;

	FIELD(f, sa->id);
	FIELD(f, sa->tunnel);
	FIELD(f, sa->spi_i);
	FIELD(f, sa->spi_r);
	FIELD(f, sa->major);
	FIELD(f, sa->initiator_side);
	fields_endpoint(f, &sa->initiator);
	fields_endpoint(f, &sa->responder);
	FIELD_BELOW(f, sa->state, IKE_GONE + 1);
	FIELD_BELOW(f, sa->origin, ORIGIN_REKEY + 1);
	FIELD_MAYBE(f, sa->created);
	FIELD_MAYBE(f, sa->established);
	FIELD_MAYBE(f, sa->ended);
	FIELD_MAYBE(f, sa->last);
	FIELD_BELOW(f, sa->end_reason, END_UNKNOWN + 1);
	FIELD(f, sa->ended_by);
	FIELD_BELOW(f, sa->grade, GRADE_OBSERVED + 1);
	FIELD(f, sa->parent);
	FIELD(f, sa->parent_spi_i);
	FIELD(f, sa->parent_spi_r);
	FIELD(f, sa->successor);
	FIELD(f, sa->first_frame);
	FIELD(f, sa->last_frame);
	FIELD(f, sa->messages);
	FIELD(f, sa->init_seen);
	FIELD(f, sa->auth_failed);
	FIELD(f, sa->encr);
	FIELD(f, sa->key_bits);
	FIELD(f, sa->integ);
	FIELD(f, sa->prf);
	FIELD(f, sa->group);
	FIELD(f, sa->auth);
	FIELD(f, sa->life_seconds);
	FIELD(f, sa->life_kilobytes);
	FIELD(f, sa->has_life_seconds);
	FIELD(f, sa->has_life_kilobytes);
	FIELD_BELOW(f, sa->n_offers, TRACK_OFFERS_MAX + 1);
	FIELD_BELOW(f, sa->n_transforms, TRACK_TRANSFORMS_MAX + 1);
	fields_require(f, (sa->major == 1 ? sa->n_transforms : sa->n_offers) == 0);
	FIELD(f, sa->offer_frame);
	FIELD(f, sa->nat);
	FIELD_BELOW(f, sa->n_vendors, TRACK_VENDORS_MAX + 1);
	FIELD(f, sa->answered_id);
	FIELD(f, sa->next_in_tunnel);
	FIELD(f, sa->prev_in_tunnel);
	FIELD(f, sa->predecessor);
	FIELD(f, sa->children);
	FIELD(f, sa->flags);
	FIELD(f, sa->error_bytes_max);
	FIELD_MAYBE(f, sa->due);
	FIELD_MAYBE(f, sa->delete_at);
	FIELD(f, sa->delete_by);
	FIELD(f, sa->delete_wait);
	FIELD(f, sa->dpd_bytes);
	for (int side = 0; side < 2; side++) {
		struct ike_rekey *r = &sa->rekey[side];

		FIELD_MAYBE(f, r->at);
		FIELD_MAYBE(f, r->requested);
		FIELD(f, r->child);
	}
	FIELD(f, sa->rekey_by);
	FIELD(f, sa->auth_child);
	for (int i = 0; i < 2; i++)
		exchange_fields(f, &sa->asked[i]);
}

/* What its responder asked. */
void image_answerer_fields(struct fields *f, void *structure)
{
	struct exchange *asked = structure;

	for (int i = 0; i < 2; i++)
		exchange_fields(f, &asked[i]);
}

/* What more is known of it lies elsewhere. */
void image_child_sa_fields(struct fields *f, void *structure)
{
	struct child_sa *c = structure;

	FIELD(f, c->id);
	FIELD(f, c->tunnel);
	FIELD(f, c->ike_sa);
	FIELD(f, c->esp);
	FIELD(f, c->esp_id);
	FIELD(f, c->spi);
	FIELD_BELOW(f, c->state, CHILD_DELETED + 1);
	FIELD_BELOW(f, c->how, CREATED_QUICK_MODE + 1);
	FIELD_MAYBE(f, c->created);
	FIELD(f, c->created_by);
	FIELD_BELOW(f, c->end_reason, END_UNKNOWN + 1);
	FIELD(f, c->ended_by);
	FIELD_BELOW(f, c->grade, GRADE_OBSERVED + 1);
	FIELD(f, c->next_in_tunnel);
	FIELD(f, c->prev_in_tunnel);
	FIELD(f, c->flags);
}

void image_child_more_fields(struct fields *f, void *structure)
{
	struct child_sa_more *m = structure;

	FIELD(f, m->ike_sa_id);
	FIELD(f, m->ike_spi_i);
	FIELD(f, m->ike_spi_r);
	FIELD_MAYBE(f, m->requested);
	FIELD_MAYBE(f, m->ended);
	FIELD_MAYBE(f, m->rekey_at);
	FIELD(f, m->predecessor_id);
	FIELD(f, m->predecessor_spi);
	FIELD(f, m->predecessor);
	FIELD(f, m->successor);
	FIELD(f, m->next_of_ike);
	FIELD(f, m->prev_of_ike);
	FIELD(f, m->held_by);
	FIELD(f, m->response_bytes);
	FIELD(f, m->request_np1);
	FIELD(f, m->response_np1);
	FIELD(f, m->rekeyed_by);
}

/* What is rare in it lies elsewhere, as do its addresses. */
void image_esp_sa_fields(struct fields *f, void *structure)
{
	struct esp_sa *sa = structure;

	FIELD(f, sa->spi);
	FIELD(f, sa->src_port);
	FIELD(f, sa->dst_port);
	FIELD(f, sa->seq_high);
	FIELD(f, sa->tunnel);
	FIELD(f, sa->window);
	FIELD_MAYBE(f, sa->last);
	FIELD(f, sa->packets);
	FIELD(f, sa->bytes);
	FIELD(f, sa->last_frame);
	FIELD_MAYBE(f, sa->next_minute);
	FIELD(f, sa->seq_first);
	FIELD_BELOW(f, sa->protocol, PROTOCOL_AH + 1);
	FIELD_BELOW(f, sa->encap, ENCAP_TCP + 1);
	FIELD(f, sa->direction);
	FIELD(f, sa->flags);
	FIELD(f, sa->low_run);
	FIELD(f, sa->far_run);
	FIELD_BELOW(f, sa->end_reason, END_UNKNOWN + 1);
	FIELD_BELOW(f, sa->grade, GRADE_OBSERVED + 1);
	FIELD_MAYBE(f, sa->first);
	FIELD(f, sa->first_frame);
	FIELD(f, sa->id);
	FIELD(f, sa->child);
	FIELD(f, sa->next_in_direction);
	FIELD(f, sa->seq_minute_before);
}

void image_esp_ends_fields(struct fields *f, void *structure)
{
	struct esp_ends *ends = structure;

	fields_any(f, &ends->src, sizeof(ends->src));
	fields_any(f, &ends->dst, sizeof(ends->dst));
}

void image_esp_more_fields(struct fields *f, void *structure)
{
	struct esp_sa_more *m = structure;

	FIELD(f, m->minute_bytes);
	FIELD(f, m->minute_packets);
	FIELD(f, m->minute_lost);
	FIELD(f, m->seq_minute);
	FIELD(f, m->late);
	FIELD(f, m->predecessor);
	FIELD(f, m->predecessor_spi);
	FIELD(f, m->prev_in_direction);
}

void image_esp_rare_fields(struct fields *f, void *structure)
{
	struct esp_sa_rare *r = structure;

	FIELD(f, r->successor);
	FIELD_MAYBE(f, r->ended);
	FIELD(f, r->lost_before);
	FIELD(f, r->packets_before);
	FIELD(f, r->successor_spi);
	FIELD(f, r->low_seq);
	FIELD(f, r->stale_packets);
	FIELD(f, r->duplicates);
	FIELD(f, r->epoch);
	FIELD(f, r->generation);
	FIELD(f, r->left_src_port);
	FIELD(f, r->left_dst_port);
	FIELD_MAYBE(f, r->turned);
	FIELD_MAYBE(f, r->away_since);
	FIELD(f, r->turned_packets);
	FIELD(f, r->away_run);
	FIELD(f, r->mirrored);
	FIELD(f, r->of_group);
	FIELD(f, r->ended_by);
}

/* ---- what may stand in them ----------------------------------------------- */

/* Differences of two such are numbers; nothing else is promised. */
static bool is_time(nsec at)
{
	return at == NSEC_NONE || at == tracker_bounded(at);
}

static bool is_moment(nsec at)
{
	return at != NSEC_NONE && is_time(at);
}

/*
 * An end that has a time; while nobody saves what was finished (tracker_finish()), it is the only
 * one.
 */
static bool is_end(unsigned reason, nsec ended)
{
	return reason != END_CAPTURE_END && (reason == END_NONE) == (ended == NSEC_NONE);
}

bool image_tunnel_is_sane(struct tunnel *w)
{
	struct tunnel_more more = *w->more;
	bool ok = fields_sane(image_tunnel_fields, w) &&
		  fields_sane(image_tunnel_more_fields, &more) && (w->flags & TUNNEL_USED) &&
		  endpoint_compare(w->peer[0], w->peer[1]) <= 0 && is_moment(w->first) &&
		  is_moment(w->last) && w->first <= w->last && is_time(w->loss_last) &&
		  is_time(w->due) && is_time(w->state_since) && is_time(w->purse_hints) &&
		  is_time(w->purse_confirmed) &&
		  (w->left_out.n == 0 ||
		   (is_moment(w->left_out.since) && is_moment(w->left_out.last)));

	for (int side = 0; side < 2; side++)
		ok = ok && is_time(w->side[side].esp_last) && is_time(more.ike[side].last) &&
		     is_time(more.ike[side].unseen_since) &&
		     is_time(more.ike[side].unseen_last) &&
		     (more.ike[side].proven_unseen == 0 ||
		      (is_moment(more.ike[side].unseen_since) &&
		       is_moment(more.ike[side].unseen_last)));
	return ok;
}

bool image_path_is_sane(struct path *p)
{
	return fields_sane(image_path_fields, p) && (p->side_of_a == 0 || p->side_of_a == 1) &&
	       endpoint_compare(p->a, p->b) <= 0;
}

bool image_delete_is_sane(struct pending_delete *d)
{
	return fields_sane(image_delete_fields, d) && is_time(d->at);
}

static bool exchange_is_sane(const struct exchange *x)
{
	return x->id == 0 ||
	       ((x->from == 0 || x->from == 1) && x->requests + x->responses > 0 &&
		is_time(x->request_at) && is_time(x->request_last) && is_time(x->response_at) &&
		is_time(x->response_last) && is_time(x->last_gap) &&
		(x->requests == 0) == (x->request_at == NSEC_NONE) &&
		(x->responses == 0) == (x->response_at == NSEC_NONE) &&
		(x->requests == 0) == (x->request_last == NSEC_NONE) &&
		(x->responses == 0) == (x->response_last == NSEC_NONE));
}

static bool ike_sa_times(const struct ike_sa *sa)
{
	return is_moment(sa->created) && is_time(sa->established) && is_time(sa->ended) &&
	       is_moment(sa->last) && is_time(sa->due) && is_time(sa->delete_at) &&
	       sa->delete_wait >= 0 && sa->delete_wait <= DELETE_WAITS_MOST &&
	       is_time(sa->rekey[0].at) && is_time(sa->rekey[0].requested) &&
	       is_time(sa->rekey[1].at) && is_time(sa->rekey[1].requested) &&
	       (sa->rekey_by < 0 || sa->rekey[sa->rekey_by].at != NSEC_NONE) &&
	       is_end(sa->end_reason, sa->ended) &&
	       (sa->established != NSEC_NONE || !(sa->flags & IKE_SA_AUTH_TENTATIVE));
}

bool image_ike_sa_is_sane(struct ike_sa *sa)
{
	bool ok = fields_sane(image_ike_sa_fields, sa) && (sa->major == 1 || sa->major == 2) &&
		  (sa->initiator_side == 0 || sa->initiator_side == 1) && sa->id != 0 &&
		  (sa->flags & IKE_SA_USED) && ike_sa_times(sa);

	for (int i = 0; i < 2; i++)
		ok = ok && exchange_is_sane(&sa->asked[i]);
	if (sa->due == NSEC_NONE)
		sa->due = sa->last;
	return ok;
}

bool image_answerer_is_sane(struct exchange asked[2])
{
	return fields_sane(image_answerer_fields, asked) && exchange_is_sane(&asked[0]) &&
	       exchange_is_sane(&asked[1]);
}

bool image_child_sa_is_sane(struct child_sa *c)
{
	struct child_sa_more more = *c->more;

	return fields_sane(image_child_sa_fields, c) &&
	       fields_sane(image_child_more_fields, &more) && (c->flags & CHILD_SA_USED) &&
	       is_time(more.requested) && is_moment(c->created) && is_time(more.ended) &&
	       is_time(more.rekey_at) && (c->id == 0) == ((c->flags & CHILD_SA_TENTATIVE) != 0) &&
	       is_end(c->end_reason, more.ended);
}

/* So much as no wire carries: sums and differences of them are numbers. */
static bool esp_sa_counts(const struct esp_sa *sa, const struct esp_sa_more *more)
{
	const uint64_t many = UINT64_C(1) << 56, bytes_each = UINT64_C(1) << 20;
	uint64_t came = sa->packets - sa->rare->packets_before;

	return sa->packets > 0 && sa->packets < many && sa->bytes / sa->packets < bytes_each &&
	       came < many && sa->rare->epoch < many >> 32 && sa->rare->lost_before < many &&
	       (uint32_t)sa->packets - more->minute_packets <= sa->packets &&
	       more->minute_bytes <= sa->bytes;
}

bool image_esp_sa_is_sane(struct esp_sa *sa, struct esp_sa_more *more, int direction)
{
	sa->window |= 1;	/* the highest was seen */
	struct esp_sa_rare rare = *sa->rare;

	return fields_sane(image_esp_sa_fields, sa) && fields_sane(image_esp_more_fields, more) &&
	       fields_sane(image_esp_rare_fields, &rare) && (sa->flags & ESP_SA_USED) &&
	       sa->id != 0 && sa->spi != 0 && sa->direction == direction &&
	       esp_sa_counts(sa, more) &&
	       is_moment(sa->first) && is_moment(sa->last) && sa->first <= sa->last &&
	       is_time(rare.ended) && is_end(sa->end_reason, rare.ended) &&
	       (is_moment(sa->next_minute) ||
		(sa->next_minute == NSEC_NONE && sa->flags & ESP_SA_UNWATCHED));
}
