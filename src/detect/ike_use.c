/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/ike_use.h"

#include <sawatch/ike_registry.h>

enum { LOOKED_AT = 256 };

/* An exchange that only an IKE SA which is accepted has; its Delete proves nothing. */
static bool is_use(const struct exchange *x)
{
	switch (x->purpose) {
	case PURPOSE_CREATE_CHILD:
	case PURPOSE_REKEY_CHILD:
	case PURPOSE_REKEY_IKE:
	case PURPOSE_FOLLOWUP_KE:
	case PURPOSE_QUICK_MODE:
	case PURPOSE_TRANSACTION:
	case PURPOSE_DPD:
	case PURPOSE_MOBIKE:
	case PURPOSE_CONFIG:
		return x->id != 0;
	default:
		return false;
	}
}

static enum ike_use use_by(const struct scene *sc, const struct ike_sa *sa,
			   const struct exchange *x)
{
	if (!is_use(x))
		return IKE_UNUSED;
	if (x->purpose == PURPOSE_TRANSACTION && x->from != sa->initiator_side)
		return x->responses > 0 ? IKE_LOGIN : IKE_UNUSED;
	if (x->responses > 0)
		return IKE_USED;
	if (x->from != sa->initiator_side)
		return IKE_UNUSED;	/* the responder asks in vain */
	return side_unseen(sc, !sa->initiator_side) ? IKE_USED : IKE_ASKED;
}

/* After a rekey its child SAs are its successor's; what made them stays as it was. */
static bool carries(const struct scene *sc, const struct ike_sa *sa)
{
	const struct ike_sa *holder = sa;
	const struct child_sa *c;
	int looked = 0;

	for (; holder && looked < LOOKED_AT; looked++,
	     holder = tracker_ike_sa(sc->tracker, holder->successor))
		for (uint32_t i = holder->children; looked < LOOKED_AT; looked++) {
			c = tracker_child_sa(sc->tracker, i);
			if (!c)
				break;
			i = c->more->next_of_ike;
			if (c->more->ike_sa_id == sa->id &&
			    tracker_esp_sa(sc->tracker, c->esp[sa->initiator_side]))
				return true;
		}
	return false;
}

enum ike_use ike_use_of(const struct scene *sc, const struct ike_sa *sa)
{
	enum ike_use use = IKE_UNUSED;

	if (sa->initiator_side < 0)
		return IKE_USED;	/* its IKE SA is not known: it disproves nothing */
	for (int slot = 0; slot < 2; slot++) {
		enum ike_use current = use_by(sc, sa, sa->current[slot]);
		enum ike_use previous = use_by(sc, sa, sa->previous[slot]);

		use = current > use ? current : use;
		use = previous > use ? previous : use;
	}
	return use != IKE_USED && carries(sc, sa) ? IKE_USED : use;
}

unsigned ike_use_unowned(const struct scene *sc, int side, nsec from)
{
	uint32_t index = sc->tunnel->esp_sas[side];
	unsigned n = 0;

	for (int looked = 0; looked < LOOKED_AT; looked++) {
		const struct esp_sa *sa = tracker_esp_sa(sc->tracker, index);

		if (!sa)
			break;

		const struct child_sa *c = tracker_child_sa(sc->tracker, sa->child);

		index = sa->next_in_direction;
		n += sa->first >= from && (sa->flags & ESP_SA_CONFIRMED) &&
		     (!c || c->more->ike_sa_id == 0);
	}
	return n;
}

bool ike_use_refused(const struct ike_sa *sa)
{
	const struct exchange *all[] = { sa->current[0], sa->previous[0], sa->current[1],
					 sa->previous[1] };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct exchange *x = all[i];

		if (x->id == 0)
			continue;
		if (x->from == sa->initiator_side ? x->requests_after_response > 0 &&
			(x->purpose == PURPOSE_IKE_AUTH || x->purpose == PURPOSE_EAP ||
			 x->purpose == PURPOSE_MAIN_MODE_AUTH)
						  : x->responses == 0 &&
			(x->purpose == PURPOSE_DELETE_IKE || x->purpose == PURPOSE_DELETE_UNKNOWN))
			return true;
	}
	return false;
}
