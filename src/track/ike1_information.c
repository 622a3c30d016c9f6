/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Informational messages of IKEv1: refusals in clear, and what is encrypted, of
 * which only the length tells a Delete from a probe (DETECTION-FACTS 1.6, 1.8).
 */
#include "track/ike1_parts.h"

#include <sawatch/ike_registry.h>

/* D(ESP) of the suites there are (DETECTION-FACTS 1.8) */
enum { DELETE_BYTES_MIN = 68, DELETE_BYTES_MAX = 124 };

/* how much longer than HASH(3) a probe is, and than D(ESP), in every suite (1.8) */
enum { PROBE_OVER_THIRD = 32, PROBE_OVER_DELETE = 16 };

#define FLOWS_UNTIL (2 * NSEC_PER_S)

/* an end counts from its first or its last message of phase 1, and its timers are coarse */
#define LIFE_EARLY (2 * NSEC_PER_S)
#define LIFE_LATE (10 * NSEC_PER_S)
#define LIFE_SECONDS_MAX 1000000000	/* a longer one is not believed */

enum { DPD_ECHO_S = 3, DPD_REPEATS_S = 60, DOUBTFUL_DELETE_SETTLES_S = 60, INITIAL_CONTACT_S = 3 };

uint32_t ike1_message_bytes(const struct ike_sa *sa, uint32_t payload)
{
	static const uint8_t hash_bytes[] = { 0, 16, 20, 24, 32, 48, 64 };
	uint32_t hash = sa->integ < sizeof(hash_bytes) ? hash_bytes[sa->integ] : 0;
	uint32_t block = sa->encr == 7 || sa->encr == 8 ? 16 : 8;

	if (hash == 0 || sa->encr == 0)
		return 0;
	return IKE_HEADER_LEN + (4 + hash + payload + block - 1) / block * block;
}

void ike1_learn_lengths(struct ike_sa *sa, uint32_t third)
{
	if (ike1_message_bytes(sa, 0) == 0)
		sa->dpd_bytes = third + PROBE_OVER_THIRD;
}

void ike1_clear_information(struct tracker *t, uint32_t i, const struct arrival *a,
			    const struct ike_message *m)
{
	for (unsigned n = 0; n < m->n_notifies && n < IKE_NOTIFIES_MAX; n++) {
		struct event ev = event_of(t, EVENT_ERROR_NOTIFY, a->at, a->tunnel);

		if (m->notifies[n].type >= IKE1_NOTIFY_FIRST_STATUS)
			continue;
		/*
		 * It is not authenticated: it is believed about an SA that is being set up, not
		 * about one that is up.
		 */
		if (i != NO_INDEX && t->ike_sas[i].state < IKE_ESTABLISHED &&
		    t->ike_sas[i].current[0]->id != 0 && t->ike_sas[i].current[0]->responses == 0) {
			t->ike_sas[i].current[0]->error = m->notifies[n].type;
			t->ike_sas[i].current[0]->outcome = OUTCOME_FAILED;
		}
		ev.ike_sa = i;
		ev.side = a->side;
		ev.value[0] = m->notifies[n].type;
		ev.value[1] = 1;
		ev.value[2] = (int64_t)m->notifies[n].spi;
		event_emit(t, &ev);
	}
}

/* A quick mode of the other side that this message may refuse. */
static struct exchange *open_quick(struct ike_sa *sa, int side)
{
	int slot = side == sa->initiator_side ? 1 : 0;
	struct exchange *x = sa->current[slot];

	return x->id != 0 && x->type == IKE1_EXCHANGE_QUICK_MODE && !x->closed && x->responses == 0
		       ? x
		       : NULL;
}

/*
 * Too short for a probe, which has the longest payload of all (RFC 3706 5.3); the same length from
 * either side at that moment is two Deletes.
 */
static bool below_probe(const struct ike_sa *sa, uint32_t bytes)
{
	uint32_t probe = ike1_message_bytes(sa, 32);

	return bytes < (probe != 0 ? probe : sa->dpd_bytes);
}

/* A message of the other side with this length, just before, and still without an echo. */
static struct exchange *open_dpd(struct ike_sa *sa, int side, uint32_t bytes, nsec at)
{
	int slot = side == sa->initiator_side ? 1 : 0;
	struct exchange *x = sa->current[slot];

	return x->id != 0 && x->type == IKE1_EXCHANGE_INFORMATIONAL && x->responses == 0 &&
			       !x->closed && x->request_bytes == bytes &&
			       at - x->request_last <= DPD_ECHO_S * NSEC_PER_S
		       ? x
		       : NULL;
}

/* The first of a pair: its echo will tell, or the silence after it. */
static void may_delete_ike(struct tracker *t, uint32_t i, const struct arrival *a, bool certain)
{
	struct ike_sa *sa = &t->ike_sas[i];

	bool soon = certain || ike_sa_has_younger(t, sa, a->at);

	if (sa->end_reason != END_NONE)
		return;
	sa->delete_at = a->at;
	sa->delete_by = a->side;
	sa->delete_wait = (soon ? IKE_DELETE_SETTLES_S : DOUBTFUL_DELETE_SETTLES_S) * NSEC_PER_S;
	ike_sa_wake(t, i, a->at + sa->delete_wait);
}

static uint32_t probe_bytes(const struct ike_sa *sa)
{
	uint32_t bytes = ike1_message_bytes(sa, 32);

	/* without its suite: as a quick mode tells, or as long as one that had its echo */
	return bytes != 0 ? bytes : sa->dpd_bytes;
}

/*
 * As long as the Delete of this IKE SA, and sent when the lifetime that was declared in clear is
 * over (DETECTION-FACTS 1.6): it is that, and no Delete of a child SA.  A probe of that length is
 * sent then as well by one that was not replaced and goes on.
 */
static bool ends_its_life(const struct tracker *t, const struct ike_sa *sa, uint32_t bytes, nsec at)
{
	if (!sa->has_life_seconds || sa->established == NSEC_NONE ||
	    sa->life_seconds > LIFE_SECONDS_MAX || bytes != ike1_message_bytes(sa, 28))
		return false;
	nsec life = (nsec)sa->life_seconds * NSEC_PER_S;

	return at >= sa->created + life - LIFE_EARLY && at <= sa->established + life + LIFE_LATE &&
	       (bytes != probe_bytes(sa) || ike_sa_has_younger(t, sa, at));
}

/*
 * The suite was not captured, but traffic flowed until now: whether this was the Delete of a child
 * SA is for the silence after it to tell (DETECTION-FACTS 3.5).
 */
static bool may_delete_child(const struct tracker *t, const struct ike_sa *sa, uint32_t bytes,
			     nsec at)
{
	if (sa->origin != ORIGIN_MIDSTREAM || ike1_message_bytes(sa, 16) != 0 ||
	    bytes < DELETE_BYTES_MIN || bytes > DELETE_BYTES_MAX || sa->dpd_bytes != 0)
		return false;
	for (uint32_t i = t->tunnels[sa->tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel) {
		const struct child_sa *c = &t->child_sas[i];
		nsec quiet = FLOWS_UNTIL + 2 * chain_usual_pause(t, c);
		nsec last[2] = { child_last_packet(t, c, 0), child_last_packet(t, c, 1) };

		if (c->end_reason == END_NONE && c->more->successor == NO_INDEX &&
		    at - c->created > t->settings->settle && last[0] != NSEC_NONE &&
		    last[1] != NSEC_NONE && at - last[0] <= quiet && at - last[1] <= quiet)
			return true;
	}
	return false;
}

/*
 * What a one-way message is, by its length.  A Delete of the IKE SA is four
 * bytes shorter than a DPD message, which padding may hide (strongSwan adds at
 * least one byte); with SHA2-256 it is as long as the Delete of a child SA.
 */
static void classify_information(struct tracker *t, uint32_t i, struct exchange *x,
				 const struct arrival *a, bool repeated)
{
	struct ike_sa *sa = &t->ike_sas[i];
	uint32_t bytes = x->request_bytes;
	uint32_t dpd = probe_bytes(sa), delete_ike = ike1_message_bytes(sa, 28),
		 delete_child = ike1_message_bytes(sa, 16);
	bool fresh = sa->established != NSEC_NONE &&
		     a->at - sa->established <= INITIAL_CONTACT_S * NSEC_PER_S &&
		     a->side == sa->initiator_side;

	x->purpose = PURPOSE_OTHER;
	x->grade = GRADE_INFERRED;
	if (dpd == 0)
		return;
	if (delete_child == 0)
		delete_child = dpd - PROBE_OVER_DELETE;
	if (fresh && bytes == delete_ike) {	/* INITIAL_CONTACT has that length too */
		x->purpose = PURPOSE_NOTIFY;
	} else if (ends_its_life(t, sa, bytes, a->at)) {
		x->purpose = PURPOSE_DELETE_IKE;
		may_delete_ike(t, i, a, true);
	} else if (bytes == delete_child &&
		   (bytes != delete_ike || child_delete_expected(t, sa->tunnel))) {
		x->purpose = PURPOSE_DELETE_CHILD;
		child_delete_seen(t, sa->tunnel, i, a->at, a->side, false);
	} else if (bytes == delete_child) {
		x->purpose = PURPOSE_DELETE_UNKNOWN;
		child_delete_seen(t, sa->tunnel, i, a->at, a->side, false);
		may_delete_ike(t, i, a, false);
	} else if (bytes == dpd) {
		x->purpose = bytes == sa->dpd_bytes || repeated ? PURPOSE_DPD : PURPOSE_UNKNOWN;
		if (!repeated)
			may_delete_ike(t, i, a, false);
	} else if (bytes == delete_ike) {
		x->purpose = PURPOSE_DELETE_IKE;
		may_delete_ike(t, i, a, true);
	}
}

/*
 * The same length again from the same side, without an echo: nobody deletes the
 * same SA twice.  Without a suite it may be the Delete of another SA, which
 * comes at once, or when that is over; a liveness probe repeats in seconds.
 */
static bool probes_again(const struct ike_sa *sa, const struct exchange *before, uint32_t bytes,
			 nsec at)
{
	uint32_t probe = probe_bytes(sa);
	nsec apart = at - before->request_last;

	return probe != 0 ? bytes == probe
			  : apart >= NSEC_PER_S && apart <= DPD_REPEATS_S * NSEC_PER_S;
}

static bool rekeys_crossed(const struct tracker *t, uint32_t tunnel)
{
	for (uint32_t i = t->tunnels[tunnel].child_sas; i != NO_INDEX;
	     i = t->child_sas[i].next_in_tunnel)
		if (t->child_sas[i].flags & CHILD_SA_COLLIDED &&
		    !(t->child_sas[i].flags & (CHILD_SA_REDUNDANT | CHILD_SA_SETTLED)))
			return true;
	return false;
}

/* The echo: both were DPD, RFC 3706. */
static void probe_echoed(struct tracker *t, uint32_t i, struct exchange *x,
			 const struct arrival *a, const struct ike_message *m, uint64_t hash)
{
	struct ike_sa *sa = &t->ike_sas[i];

	x->purpose = PURPOSE_DPD;
	x->grade = GRADE_INFERRED;
	child_delete_withdrawn(t, sa->tunnel, x->request_at);
	sa->dpd_bytes = m->header.length;
	sa->delete_at = NSEC_NONE;
	exchange_response(t, x, a, m, hash);
	x->outcome = OUTCOME_ANSWERED;
	ike_sa_exchanged(t, i, x);
	exchange_emit(t, EVENT_RESPONSE, x, a);
}

void ike1_information(struct tracker *t, uint32_t i, const struct arrival *a,
		      const struct ike_message *m, uint64_t hash)
{
	struct ike_sa *sa = &t->ike_sas[i];
	uint32_t bytes = m->header.length, short_one = ike1_message_bytes(sa, 16);
	struct exchange *x = open_dpd(sa, a->side, bytes, a->at), *quick = open_quick(sa, a->side);
	int slot = a->side == sa->initiator_side ? 0 : 1;
	bool repeated, probe;

	if (!m->encrypted) {
		ike1_clear_information(t, i, a, m);
		return;
	}
	bool both_delete =
		x && (below_probe(sa, bytes) || ends_its_life(t, sa, bytes, a->at));
	/* of the IKE SA itself, perhaps: then both are */
	bool same = x && both_delete && sa->delete_at == x->request_at;
	enum exchange_purpose before = same ? x->purpose : PURPOSE_DELETE_CHILD;

	if (x && x->purpose != PURPOSE_DELETE_CHILD && !both_delete) {
		probe_echoed(t, i, x, a, m, hash);
		return;
	}
	if (quick && short_one != 0 && bytes <= short_one &&
	    a->at - quick->request_last <= 5 * NSEC_PER_S) {
		quick->outcome = OUTCOME_FAILED;
		exchange_emit(t, EVENT_CHILD_REFUSED, quick, a);
		return;
	}
	if (sa->current[slot]->type == IKE1_EXCHANGE_QUICK_MODE && !sa->current[slot]->closed)
		return;			/* its slot is busy: this message leaves no row */
	if (!same)
		sa->delete_at = NSEC_NONE;	/* whatever came before, it lives on */
	repeated = sa->current[slot]->type == IKE1_EXCHANGE_INFORMATIONAL &&
		   sa->current[slot]->responses == 0 && sa->current[slot]->request_bytes == bytes &&
		   sa->current[slot]->purpose != PURPOSE_DELETE_CHILD;
	probe = repeated && probes_again(sa, sa->current[slot], bytes, a->at);
	if (probe) {
		sa->current[slot]->purpose = PURPOSE_DPD;
		child_delete_withdrawn(t, sa->tunnel, sa->current[slot]->request_at);
	}
	exchange_close(t, sa->current[slot],
		       sa->current[slot]->responses ? OUTCOME_ANSWERED : OUTCOME_UNANSWERED, a->at);
	x = exchange_begin(t, i, slot, m, a->at, a->side);
	exchange_request(t, x, a, m, hash);
	/* of the same SA, unless quick modes crossed and one of theirs is to go as well */
	if (!both_delete || rekeys_crossed(t, sa->tunnel))
		classify_information(t, i, x, a, repeated);
	else
		x->purpose = before;
	if (probe)
		x->purpose = PURPOSE_DPD;
	else if (may_delete_child(t, sa, bytes, a->at))
		child_delete_seen(t, sa->tunnel, i, a->at, a->side, false);
	exchange_emit(t, EVENT_REQUEST, x, a);
}
