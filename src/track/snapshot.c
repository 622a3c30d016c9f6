/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects of the tracker as records (record.h): plain copies, nothing is decided here. */
#include "track/tracker.h"

#include <stdio.h>

#include <sawatch/ike_registry.h>
#include <sawatch/text.h>

void snapshot_tunnel(struct tracker *t, uint32_t tunnel)
{
	struct tunnel *w = &t->tunnels[tunnel];
	const struct record_sink *sink = &t->handler.sink;
	const char *why[4];
	char text[2][160], peer[ENDPOINT_TEXT_MAX];
	struct record_tunnel r = {
		.id = w->id, .peers = { w->peer[0], w->peer[1] }, .network = w->network,
		.state = w->state,
		.since = w->state_since, .first = w->first, .last = w->last,
		.behind_nat = { w->behind_nat[0], w->behind_nat[1] }, .ike_sas = w->n_ike_sas,
		.child_sas = w->n_child_sas, .unobservable = why,
	};

	bool empty = w->n_ike_sas == 0 && w->n_child_sas == 0 && w->n_esp_sas == 0;

	w->flags &= ~(uint32_t)TUNNEL_DIRTY;
	/* a message that began nothing and of which nothing is told makes no tunnel */
	if ((w->flags & TUNNEL_QUIET) || (empty && !(w->flags & TUNNEL_HAS_ROWS)))
		return;
	if (t->without_details && (w->flags & TUNNEL_HAS_ROWS))
		event_tell_heard(t, tunnel);
	for (int side = 0; side < 2; side++) {
		if (!w->one_sided[side])
			continue;
		snprintf(text[side], sizeof(text[side]),
			 "what %s sends is not in the capture, so unanswered requests and one-way "
			 "traffic cannot be judged", endpoint_text(w->peer[side], peer));
		why[r.n_unobservable++] = text[side];
	}
	if (empty && (w->flags & TUNNEL_LEFT))
		why[r.n_unobservable++] = "what began here went on under another port of the NAT, "
					  "and is told of the tunnel there";
	else if (empty)
		why[r.n_unobservable++] = "no SA of it was seen: whether there is a tunnel cannot "
					  "be judged";
	else if (w->n_ike_sas == 0)
		why[r.n_unobservable++] = "no IKE was seen: who rekeys, lifetimes and the cause of "
					  "interruptions cannot be judged";
	if (w->loss_last != NSEC_NONE)
		why[r.n_unobservable++] = "the capture lost packets of this tunnel: "
					  "ESP loss and retransmissions may be the capture's own";
	if (r.n_unobservable == 0 && w->state == TUNNEL_UNKNOWN &&
	    (w->esp_sas[0] != NO_INDEX || w->esp_sas[1] != NO_INDEX))
		why[r.n_unobservable++] = "packets come from one side only: whether it is up "
					  "cannot be judged";
	else if (r.n_unobservable == 0 && w->state == TUNNEL_UNKNOWN && w->ike_sas != NO_INDEX &&
		 t->ike_sas[w->ike_sas].origin == ORIGIN_OBSERVED)
		why[r.n_unobservable++] = "its set-up was begun once and not seen to end: "
					  "whether it comes up cannot be judged";
	else if (r.n_unobservable == 0 && w->state == TUNNEL_UNKNOWN && w->ike_sas != NO_INDEX)
		why[r.n_unobservable++] = "the set-up of its IKE SA was not captured, "
					  "nor any answer: whether it is up cannot be judged";
	if (sink->tunnel)
		sink->tunnel(sink->user, &r);
}

/* Name of an algorithm, or its number in `room`. */
static const char *named(const char *name, unsigned number, char room[16])
{
	if (name || number == 0)
		return name;
	snprintf(room, 16, "%u", number);
	return room;
}

struct suite_text {
	char number[6][16];
	char encryption[40];
};

static struct record_offer suite1(const struct ike1_offer *o, struct suite_text *room)
{
	return (struct record_offer){
		.encryption = named(ike1_encryption_name(o->encryption), o->encryption,
		room->number[0]),
		.integrity = named(ike1_hash_name(o->hash), o->hash, room->number[1]),
		.group = named(o->group ? ike_group_name(o->group) : NULL, o->group,
		room->number[2]),
		.auth = named(ike1_auth_name(o->auth), o->auth, room->number[3]),
		.key_bits = o->key_bits ? o->key_bits : RECORD_UNKNOWN,
		.life_seconds = o->has_life_seconds ? (int64_t)o->life_seconds : RECORD_UNKNOWN,
		.life_kilobytes = o->has_life_kilobytes ?
				  (int64_t)o->life_kilobytes : RECORD_UNKNOWN,
	};
}

/* As IKEv2 writes what it offers: the length of the key belongs to the name. */
static struct record_offer offered1(const struct ike1_offer *o, struct suite_text *room)
{
	struct record_offer ret = suite1(o, room);
	struct text t = TEXT_IN(room->encryption);

	if (ret.encryption && o->key_bits) {
		text_add(&t, "%s_%u", ret.encryption, o->key_bits);
		ret.encryption = room->encryption;
	}
	return ret;
}

static struct record_offer chosen_suite(const struct ike_sa *sa, struct suite_text *room)
{
	if (sa->major == 1) {
		struct ike1_offer o = { .encryption = sa->encr,
					.hash = sa->integ,
					.auth = sa->auth,
					.group = sa->group,
					.key_bits = sa->key_bits,
					.life_seconds = sa->life_seconds,
					.life_kilobytes = sa->life_kilobytes,
					.has_life_seconds = sa->has_life_seconds,
					.has_life_kilobytes = sa->has_life_kilobytes };

		return suite1(&o, room);
	}
	return (struct record_offer){
		.encryption = named(sa->encr ? ike2_transform_name(IKE2_TRANSFORM_ENCR,
		sa->encr) : NULL, sa->encr, room->number[0]),
		.integrity = named(sa->integ ? ike2_transform_name(IKE2_TRANSFORM_INTEG,
		sa->integ) : NULL, sa->integ, room->number[1]),
		.prf = named(sa->prf ? ike2_transform_name(IKE2_TRANSFORM_PRF, sa->prf) : NULL,
		sa->prf, room->number[2]),
		.group = named(sa->group ? ike_group_name(sa->group) : NULL, sa->group,
		room->number[3]),
		.key_bits = sa->key_bits ? sa->key_bits : RECORD_UNKNOWN,
		.life_seconds = RECORD_UNKNOWN, .life_kilobytes = RECORD_UNKNOWN,
	};
}

/* One IKEv2 proposal: alternatives of a transform type joined by "/". */
struct proposal_text {
	char encryption[160], integrity[160], prf[160], group[160];
};

static void add_alternative(char *at, size_t size, const char *name, unsigned id, unsigned key_bits)
{
	size_t used = 0;
	struct text s;

	/*
	 * NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch): every proposal begins with
	 * empty texts
	 */
	while (at[used])
		used++;
	s = text_in(at + used, size - used);
	if (used > 0)
		text_add(&s, "/");
	if (name)
		text_add(&s, "%s", name);
	else
		text_add(&s, "%u", id);
	if (key_bits)
		text_add(&s, "_%u", key_bits);
}

static size_t proposals(const struct ike_sa *sa, struct record_offer *ret,
			struct proposal_text *room, size_t max)
{
	size_t n = 0;
	int proposal = -1;

	for (unsigned i = 0; i < sa->n_transforms; i++) {
		const struct ike2_transform *f = &sa->transforms[i];
		const char *name = ike2_transform_name(f->type, f->id);

		if (f->proposal != proposal) {
			if (n == max)
				break;
			proposal = f->proposal;
			room[n] = (struct proposal_text){ "", "", "", "" };
			ret[n++] = (struct record_offer){ .key_bits = RECORD_UNKNOWN,
							  .life_seconds = RECORD_UNKNOWN,
							  .life_kilobytes = RECORD_UNKNOWN };
		}
		struct proposal_text *p = &room[n - 1];

		switch (f->type) {
		case IKE2_TRANSFORM_ENCR:
			/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Branch): as above */
			if (!p->encryption[0])
				ret[n - 1].key_bits = f->key_bits ? f->key_bits : RECORD_UNKNOWN;
			else if (ret[n - 1].key_bits != f->key_bits)
				/* differ: they stand with the names */
				ret[n - 1].key_bits = RECORD_UNKNOWN;
			add_alternative(p->encryption, sizeof(p->encryption), name, f->id,
					f->key_bits);
			ret[n - 1].encryption = p->encryption;
			break;
		case IKE2_TRANSFORM_PRF:
			add_alternative(p->prf, sizeof(p->prf), name, f->id, 0);
			ret[n - 1].prf = p->prf;
			break;
		case IKE2_TRANSFORM_INTEG:
			add_alternative(p->integrity, sizeof(p->integrity), name, f->id, 0);
			ret[n - 1].integrity = p->integrity;
			break;
		case IKE2_TRANSFORM_KE:
			add_alternative(p->group, sizeof(p->group), name, f->id, 0);
			ret[n - 1].group = p->group;
			break;
		}
	}
	return n;
}

void snapshot_ike_sa(struct tracker *t, uint32_t i)
{
	struct ike_sa *sa = &t->ike_sas[i];
	const struct record_sink *sink = &t->handler.sink;
	struct suite_text chosen, offered[TRACK_OFFERS_MAX];
	struct proposal_text room[TRACK_OFFERS_MAX];
	struct record_offer offers[TRACK_OFFERS_MAX];
	const char *vendors[TRACK_VENDORS_MAX];
	size_t n_offers = 0;

	sa->flags &= ~(uint32_t)IKE_SA_DIRTY;
	if (sa->flags & IKE_SA_QUIET)
		return;
	if (!sink->ike_sa)
		return;
	if (t->without_details)
		;
	else if (sa->major == 1)
		for (; n_offers < sa->n_offers; n_offers++)
			offers[n_offers] = offered1(&sa->offers1[n_offers], &offered[n_offers]);
	else
		n_offers = proposals(sa, offers, room, TRACK_OFFERS_MAX);
	for (unsigned v = 0; v < sa->n_vendors; v++)
		vendors[v] = sa->vendors[v].name ? sa->vendors[v].name : sa->vendors[v].hex;
	sink->ike_sa(sink->user, &(struct record_ike_sa){
		.id = sa->id, .tunnel = t->tunnels[sa->tunnel].id, .spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = sa->major, .initiator = sa->initiator, .responder = sa->responder,
		.state = sa->state,
		.origin = sa->origin, .parent = sa->parent, .parent_spi_i = sa->parent_spi_i,
		.parent_spi_r = sa->parent_spi_r,
		.created = sa->created, .established = sa->established, .ended = sa->ended,
		.last = sa->last,
		.end_reason = sa->end_reason, .ended_by = sa->ended_by,
		.suite = chosen_suite(sa, &chosen),
		.n_offered = n_offers, .offered = offers, .nat_initiator = sa->nat[0],
		.nat_responder = sa->nat[1],
		.n_vendor_ids = sa->n_vendors, .vendor_ids = vendors,
		.first_frame = sa->first_frame,
		.last_frame = sa->last_frame, .messages = (int64_t)sa->messages, .grade = sa->grade,
		.peers = t->tunnels[sa->tunnel].peer });
}

void snapshot_child_sa(struct tracker *t, uint32_t i)
{
	struct child_sa *c = &t->child_sas[i];
	const struct record_sink *sink = &t->handler.sink;

	const struct child_sa_more *more = c->more;

	c->flags &= (uint16_t)~CHILD_SA_DIRTY;
	if (!sink->child_sa || c->id == 0 || (c->flags & CHILD_SA_QUIET))
		return;
	sink->child_sa(sink->user, &(struct record_child_sa){
		.id = c->id, .tunnel = t->tunnels[c->tunnel].id, .ike_sa = more->ike_sa_id,
		.ike_spi_i = more->ike_spi_i, .ike_spi_r = more->ike_spi_r,
		.sas = { c->esp_id[0], c->esp_id[1] },
		.spis = { c->spi[0], c->spi[1] },
		.state = c->state, .created = c->created, .created_by = c->created_by,
		.created_how = c->how, .predecessor = more->predecessor_id,
		.predecessor_spis = { more->predecessor_spi[0], more->predecessor_spi[1] },
		.ended = more->ended, .end_reason = c->end_reason, .ended_by = c->ended_by,
		.rekeyed_by = more->rekeyed_by, .rekey_at = more->rekey_at, .grade = c->grade,
		.peers = t->tunnels[c->tunnel].peer });
}

void snapshot_esp_sa(struct tracker *t, uint32_t i)
{
	struct esp_sa *sa = &t->esp_sas[i];
	const struct esp_sa_rare *rare = sa->rare;
	const struct esp_sa_more *more = esp_more(t, sa);
	const struct esp_ends is = esp_ends(t, sa);
	const struct record_sink *sink = &t->handler.sink;

	sa->flags &= (uint8_t)~ESP_SA_DIRTY;
	if (!sink->esp_sa || (sa->flags & ESP_SA_QUIET))
		return;
	sink->esp_sa(sink->user,
		     &(struct record_esp_sa){
			     .id = sa->id,
			     .tunnel = t->tunnels[sa->tunnel].id,
			     .protocol = sa->protocol,
			     .spi = sa->spi,
			     .src = { is.src, sa->src_port },
			     .dst = { is.dst, sa->dst_port },
			     .encap = sa->encap,
			     .generation = rare->generation,
			     .first = sa->first,
			     .last = sa->last,
			     .packets = (int64_t)sa->packets,
			     .bytes = (int64_t)sa->bytes,
			     .seq_first = sa->seq_first,
			     .seq_last = (int64_t)(((uint64_t)rare->epoch << 32) + sa->seq_high),
			     .lost = rare->of_group ? RECORD_UNKNOWN
						    : (int64_t)esp_sa_lost(sa),
			     .late = more->late,
			     .duplicates = rare->duplicates,
			     .predecessor = more->predecessor,
			     .successor = rare->successor,
			     .predecessor_spi = more->predecessor_spi,
			     .successor_spi = rare->successor_spi,
			     .end_reason = sa->end_reason,
			     .ended_by = rare->ended_by,
			     .first_frame = sa->first_frame,
			     .last_frame = sa->last_frame,
			     .grade = sa->grade,
			     .peers = t->tunnels[sa->tunnel].peer });
}

void snapshot_ended_ike_sa(struct tracker *t, uint32_t ike_sa)
{
	if (!t->without_details)
		snapshot_ike_sa(t, ike_sa);
}

void snapshot_ended_child_sa(struct tracker *t, uint32_t child)
{
	if (!t->without_details)
		snapshot_child_sa(t, child);
}

void snapshot_ended_esp_sa(struct tracker *t, uint32_t esp)
{
	if (!t->without_details)
		snapshot_esp_sa(t, esp);
}

void snapshot_exchange(struct tracker *t, struct exchange *x)
{
	const struct record_sink *sink = &t->handler.sink;
	const char *name;
	char room[24];

	if (!sink->exchange || !event_is_told(t, x->tunnel))
		return;
	tunnel_has_rows(t, x->tunnel);
	name = ike_exchange_name(x->major, x->type);
	if (!name) {
		snprintf(room, sizeof(room), "EXCHANGE_%u", x->type);
		name = room;
	}
	sink->exchange(sink->user,
		       &(struct record_exchange){
			       .id = x->id,
			       .tunnel = t->tunnels[x->tunnel].id,
			       .ike_sa = x->ike_sa == NO_INDEX ? 0 : t->ike_sas[x->ike_sa].id,
			       .spi_i = x->spi_i,
			       .spi_r = x->spi_r,
			       .version = x->major,
			       .exchange = x->type,
			       .kind = name,
			       .message_id = x->message_id,
			       .from = x->from,
			       .request_at = x->request_at,
			       .response_at = x->response_at,
			       .requests = x->requests,
			       .responses = x->responses,
			       .request_bytes = x->requests ? x->request_bytes : RECORD_UNKNOWN,
			       .response_bytes = x->responses ? x->response_bytes : RECORD_UNKNOWN,
			       .rtt_ns = x->request_at != NSEC_NONE &&
							 x->response_at != NSEC_NONE &&
							 x->response_at >= x->request_at
						 ? x->response_at - x->request_at
						 : RECORD_UNKNOWN,
			       .outcome = x->outcome,
			       .purpose = x->purpose,
			       .request_frame = x->request_frame,
			       .response_frame = x->response_frame,
			       .grade = x->grade,
			       .peers = t->tunnels[x->tunnel].peer });
}
