/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/image_values.h"

/* Differences of two such are numbers; nothing else is promised. */
static bool is_time(nsec at)
{
	return at == NSEC_NONE || at == tracker_bounded(at);
}

static bool is_moment(nsec at)
{
	return at != NSEC_NONE && is_time(at);
}

static bool is_side(int side)
{
	return side >= SIDE_UNKNOWN && side <= 1;
}

static bool is_tristate(tristate v)
{
	return v >= -1 && v <= 1;
}

bool image_tunnel_is_sane(struct tunnel *w)
{
	bool ok = (w->flags & TUNNEL_USED) && w->state <= TUNNEL_FLAPPING && endpoint_compare(w->peer[0], w->peer[1]) <= 0 &&
		  is_moment(w->first) && is_moment(w->last) && w->first <= w->last && is_time(w->loss_last) && is_time(w->due) &&
		  is_time(w->state_since) && is_time(w->purse_hints) && is_time(w->purse_confirmed);

	for (int side = 0; side < 2; side++)
		ok = ok && is_tristate(w->behind_nat[side]) && is_time(w->side[side].ike_last) &&
		     is_time(w->side[side].esp_last) && is_time(w->side[side].unseen_last);
	if (w->due == NSEC_NONE)
		w->due = w->last;
	return ok;
}

bool image_path_is_sane(const struct path *p)
{
	return (p->side_of_a == 0 || p->side_of_a == 1) && endpoint_compare(p->a, p->b) <= 0;
}

bool image_delete_is_sane(const struct pending_delete *d)
{
	return is_time(d->at) && is_side(d->by);
}

static bool exchange_is_sane(const struct exchange *x)
{
	return x->id == 0 ||
	       ((x->from == 0 || x->from == 1) && x->outcome <= OUTCOME_ONE_WAY && x->purpose <= PURPOSE_OTHER &&
		x->grade <= GRADE_OBSERVED && x->requests + x->responses > 0 && is_time(x->request_at) &&
		is_time(x->request_last) && is_time(x->response_at) && is_time(x->response_last) && is_time(x->last_gap) &&
		(x->requests == 0) == (x->request_at == NSEC_NONE) && (x->responses == 0) == (x->response_at == NSEC_NONE));
}

static bool ike_sa_times(const struct ike_sa *sa)
{
	return is_moment(sa->created) && is_time(sa->established) && is_time(sa->ended) && is_moment(sa->last) &&
	       is_time(sa->due) && is_time(sa->delete_at) && is_time(sa->delete_wait) && sa->delete_wait >= 0 &&
	       is_time(sa->rekey_at) && is_time(sa->rekey_request_at) &&
	       (sa->end_reason == END_NONE || sa->end_reason == END_CAPTURE_END) == (sa->ended == NSEC_NONE);
}

bool image_ike_sa_is_sane(struct ike_sa *sa)
{
	bool ok = (sa->major == 1 || sa->major == 2) && (sa->initiator_side == 0 || sa->initiator_side == 1) &&
		  sa->state <= IKE_GONE && sa->origin <= ORIGIN_REKEY && sa->end_reason <= END_UNKNOWN &&
		  is_side(sa->ended_by) && sa->grade <= GRADE_OBSERVED && sa->n_offers <= TRACK_OFFERS_MAX &&
		  sa->n_transforms <= sizeof(sa->transforms) / sizeof(sa->transforms[0]) &&
		  (sa->n_offers == 0 || sa->n_transforms == 0) &&	/* they share their room */
		  sa->n_vendors <= TRACK_VENDORS_MAX && is_side(sa->delete_by) && is_side(sa->rekey_by) &&
		  is_tristate(sa->nat[0]) && is_tristate(sa->nat[1]) && sa->id != 0 && (sa->flags & IKE_SA_USED) &&
		  ike_sa_times(sa);

	for (unsigned i = 0; i < TRACK_VENDORS_MAX; i++) {
		sa->vendors[i].hex[TRACK_VENDOR_HEX - 1] = '\0';
		ok = ok && is_side(sa->vendors[i].side);
	}
	for (int slot = 0; slot < 2; slot++)
		ok = ok && exchange_is_sane(&sa->current[slot]) && exchange_is_sane(&sa->previous[slot]);
	if (sa->due == NSEC_NONE)
		sa->due = sa->last;
	return ok;
}

bool image_child_sa_is_sane(struct child_sa *c)
{
	return (c->flags & CHILD_SA_USED) && c->state <= CHILD_DELETED && c->how <= CREATED_QUICK_MODE &&
	       c->end_reason <= END_UNKNOWN && c->grade <= GRADE_OBSERVED && is_side(c->created_by) &&
	       is_side(c->ended_by) && is_side(c->rekeyed_by) && is_moment(c->requested) && is_moment(c->created) &&
	       is_time(c->ended) && is_time(c->rekey_at) && (c->id == 0) == ((c->flags & CHILD_SA_TENTATIVE) != 0) &&
	       (c->end_reason == END_NONE || c->end_reason == END_CAPTURE_END) == (c->ended == NSEC_NONE);
}

bool image_esp_sa_is_sane(struct esp_sa *sa, int direction)
{
	sa->window |= 1;	/* the highest was seen */
	return (sa->flags & ESP_SA_USED) && sa->id != 0 && sa->spi != 0 && sa->protocol <= PROTOCOL_AH &&
	       sa->encap <= ENCAP_TCP && sa->direction == direction && sa->end_reason <= END_UNKNOWN &&
	       is_side(sa->ended_by) && sa->grade <= GRADE_OBSERVED && sa->packets > 0 && is_moment(sa->first) &&
	       is_moment(sa->last) && sa->first <= sa->last && is_time(sa->next_minute) && is_time(sa->ended);
}
