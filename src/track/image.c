/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A tunnel with all that belongs to it as bytes, and back into the same slots, so that indices in
 * other tables stay right.  Lists and hash indices are built anew; references to something that
 * does not exist become NO_INDEX.
 */
#include "track/image_values.h"

#include <string.h>

#include <sawatch/ike_registry.h>
#include <sawatch/pack.h>

#include "stamps.h"

enum {
	/* ended SAs of one direction; a flood of them is not worth its room */
	ENDED_ESP_SAVED = 512,
	STRUCTURE_MAX = sizeof(struct ike_sa),
};

_Static_assert(sizeof(struct tunnel) <= STRUCTURE_MAX && sizeof(struct child_sa) <= STRUCTURE_MAX &&
	       sizeof(struct esp_sa) <= STRUCTURE_MAX && sizeof(struct path) <= STRUCTURE_MAX &&
	       sizeof(struct pending_delete) <= STRUCTURE_MAX, "the largest structure is that "
							       "of an IKE SA");

const char *tracker_stamp(void)
{
	return TRACK_STAMP;
}

/* ---- writing -------------------------------------------------------------- */

/* Its values, and nothing of what lies between them. */
static void pack_values(struct packer *p, fields_walk *walk, void *structure, size_t size)
{
	uint8_t image[STRUCTURE_MAX];

	fields_copy(walk, structure, image, size);
	pack_image(p, image, size);
}

/* What lies beside an object, when it has any. */
static void pack_beside(struct packer *p, bool own, fields_walk *walk, void *structure, size_t size)
{
	pack_u32(p, own);
	if (own)
		pack_values(p, walk, structure, size);
}

static void pack_ike_sa(struct packer *p, const struct tracker *t, uint32_t index)
{
	struct ike_sa *sa = &t->ike_sas[index];

	pack_u32(p, index);
	pack_values(p, image_ike_sa_fields, sa, sizeof(*sa));
	pack_beside(p, sa->current[1] != &t->nothing_asked, image_answerer_fields,
		    t->answerer_asked[index], sizeof(t->answerer_asked[index]));
	for (unsigned i = 0; i < sa->n_offers; i++)
		pack_values(p, image_offer1_fields, &sa->offers1[i], sizeof(sa->offers1[i]));
	for (unsigned i = 0; i < sa->n_transforms; i++)
		pack_values(p, image_transform_fields, &sa->transforms[i],
			    sizeof(sa->transforms[i]));
	for (unsigned i = 0; i < sa->n_vendors; i++) {
		pack_values(p, image_vendor_fields, &sa->vendors[i], sizeof(sa->vendors[i]));
		pack_text(p, sa->vendors[i].name);
	}
}

static void pack_ike_sas(struct packer *p, const struct tracker *t, const struct tunnel *w)
{
	pack_u32(p, w->live_ike);
	for (uint32_t i = w->oldest_ike_sa; i != NO_INDEX; i = t->ike_sas[i].prev_in_tunnel)
		pack_ike_sa(p, t, i);
}

static void pack_child_sas(struct packer *p, const struct tracker *t, const struct tunnel *w)
{
	pack_u32(p, w->live_child);
	for (uint32_t i = w->oldest_child_sa; i != NO_INDEX; i = t->child_sas[i].prev_in_tunnel) {
		struct child_sa *c = &t->child_sas[i];
		struct child_sa_more more = *c->more;

		pack_u32(p, i);
		pack_values(p, image_child_sa_fields, c, sizeof(*c));
		pack_beside(p, c->more != &child_sa_nothing_more, image_child_more_fields, &more,
			    sizeof(more));
	}
}

static void pack_esp_sa(struct packer *p, const struct tracker *t, uint32_t index)
{
	struct esp_sa *sa = &t->esp_sas[index];
	struct esp_ends ends = esp_ends(t, sa);
	struct esp_sa_rare rare = *sa->rare;

	pack_u32(p, index);
	pack_values(p, image_esp_sa_fields, sa, sizeof(*sa));
	pack_values(p, image_esp_ends_fields, &ends, sizeof(ends));
	pack_values(p, image_esp_more_fields, esp_more(t, sa), sizeof(struct esp_sa_more));
	pack_beside(p, sa->rare != &esp_sa_nothing_rare, image_esp_rare_fields, &rare,
		    sizeof(rare));
}

static void pack_esp_sas(struct packer *p, const struct tracker *t, const struct tunnel *w,
			 int direction)
{
	uint32_t ended = 0, left_out = 0;

	for (uint32_t i = w->esp_sas[direction]; i != NO_INDEX; i = t->esp_sas[i].next_in_direction)
		ended += t->esp_sas[i].end_reason != END_NONE;
	left_out = ended > ENDED_ESP_SAVED ? ended - ENDED_ESP_SAVED : 0;
	pack_u32(p, w->live_esp[direction] - left_out);
	for (uint32_t i = w->oldest_esp_sa[direction]; i != NO_INDEX;
	     i = t->esp_more[i].prev_in_direction) {
		if (t->esp_sas[i].end_reason != END_NONE && left_out > 0) {
			left_out--;		/* the oldest */
			continue;
		}
		pack_esp_sa(p, t, i);
	}
}

size_t tracker_save(struct tracker *t, uint32_t tunnel, void *room, size_t size)
{
	struct tunnel *w = &t->tunnels[tunnel];
	struct tunnel_more more = *w->more;
	struct packer p = { .at = room, .room = size };

	if (w->flags & TUNNEL_QUIET)
		return 0;
	/* hashes of messages are only good with it */
	pack_image(&p, &t->key, sizeof(t->key));
	pack_u32(&p, tunnel);
	pack_values(&p, image_tunnel_fields, w, sizeof(*w));
	pack_beside(&p, w->more != &tunnel_nothing_more, image_tunnel_more_fields, &more,
		    sizeof(more));
	for (uint32_t i = 0; i < w->n_deletes; i++)
		pack_values(&p, image_delete_fields, &t->deletes[tunnel * PENDING_DELETES + i],
			    sizeof(t->deletes[0]));
	pack_u32(&p, w->n_paths);
	for (uint32_t i = w->paths; i != NO_INDEX; i = t->paths[i].next_in_tunnel)
		pack_values(&p, image_path_fields, &t->paths[i], sizeof(t->paths[i]));
	pack_ike_sas(&p, t, w);
	pack_child_sas(&p, t, w);
	for (int d = 0; d < 2; d++)
		pack_esp_sas(&p, t, w, d);
	if (p.used <= size)
		w->flags &= ~(uint32_t)TUNNEL_UNSAVED;
	return p.used;
}

bool tracker_unsaved(const struct tracker *t, uint32_t tunnel)
{
	return (t->tunnels[tunnel].flags & (TUNNEL_UNSAVED | TUNNEL_QUIET)) == TUNNEL_UNSAVED;
}

/* ---- reading -------------------------------------------------------------- */

static void claim(struct pool *p, uint32_t i)
{
	p->used++;
	if (i >= p->high)
		p->high = i + 1;
}

/* What lies beside an object, or `nothing`; true when it had any. */
static bool unpack_beside(struct reader *r, void *structure, const void *nothing, size_t size)
{
	bool own = reader_u32(r) != 0;

	memcpy(structure, nothing, size);
	if (own)
		unpack_image(r, structure, size);
	return own;
}

/* By this capture or one before: what begins from now on has another number. */
static bool is_number(const struct tracker *t, object_id id)
{
	return id >> 32 <= t->capture;
}

static void place_exchange(struct exchange *x, uint32_t ike_sa, uint32_t tunnel)
{
	if (x->id == 0)
		return;
	x->ike_sa = ike_sa;
	x->tunnel = tunnel;
}

/* What the set-up of an IKE SA said in clear. */
struct said {
	union ike_many offered;
	struct ike_vendor vendors[TRACK_VENDORS_MAX];
};

/* False: one of its values is none. */
static bool unpack_said(struct reader *r, const struct ike_sa *sa, struct said *ret)
{
	struct bytes name;
	bool sane = true;

	for (unsigned i = 0; reader_ok(r) && i < sa->n_offers && i < TRACK_OFFERS_MAX; i++) {
		unpack_image(r, &ret->offered.offers1[i], sizeof(ret->offered.offers1[i]));
		sane = sane && fields_sane(image_offer1_fields, &ret->offered.offers1[i]);
	}
	for (unsigned i = 0; reader_ok(r) && i < sa->n_transforms && i < TRACK_TRANSFORMS_MAX;
	     i++) {
		unpack_image(r, &ret->offered.transforms[i], sizeof(ret->offered.transforms[i]));
		sane = sane && fields_sane(image_transform_fields, &ret->offered.transforms[i]);
	}
	for (unsigned i = 0; reader_ok(r) && i < sa->n_vendors && i < TRACK_VENDORS_MAX; i++) {
		unpack_image(r, &ret->vendors[i], sizeof(ret->vendors[i]));
		sane = sane && fields_sane(image_vendor_fields, &ret->vendors[i]);
		ret->vendors[i].name = unpack_text(r, &name) ? ike_vendor_known_name(name) : NULL;
	}
	return sane && reader_ok(r);
}

static void place_said(struct tracker *t, uint32_t ike_sa, const struct said *said)
{
	struct ike_sa *sa = &t->ike_sas[ike_sa];

	ike_sa_make_room(t, ike_sa, sa->n_transforms, sa->n_offers);
	for (unsigned i = 0; i < sa->n_offers; i++)
		sa->offers1[i] = said->offered.offers1[i];
	for (unsigned i = 0; i < sa->n_transforms; i++)
		sa->transforms[i] = said->offered.transforms[i];
	for (unsigned i = 0; i < sa->n_vendors; i++)
		sa->vendors[i] = said->vendors[i];
}

static void unpack_ike_sa(struct tracker *t, struct reader *r, uint32_t tunnel)
{
	uint32_t i = reader_u32(r);
	struct tunnel *w = &t->tunnels[tunnel];
	struct ike_sa sa;
	struct said said;
	const struct exchange nothing[2] = { 0 };
	struct exchange asked[2];

	unpack_image(r, &sa, sizeof(sa));

	bool own = unpack_beside(r, asked, nothing, sizeof(asked));

	if (!reader_ok(r) || !unpack_said(r, &sa, &said) || !image_ike_sa_is_sane(&sa) ||
	    !image_answerer_is_sane(asked) ||
	    !is_number(t, sa.id) || i >= t->ike_pool.capacity ||
	    (t->ike_sas[i].flags & IKE_SA_USED))
		return;
	claim(&t->ike_pool, i);
	sa.tunnel = tunnel;
	sa.flags &= ~(uint32_t)IKE_SA_DIRTY;
	sa.children = NO_INDEX;
	sa.next_in_tunnel = w->ike_sas;
	sa.prev_in_tunnel = NO_INDEX;
	for (int n = 0; n < 2; n++) {
		place_exchange(&sa.asked[n], i, tunnel);
		place_exchange(&asked[n], i, tunnel);
	}
	*(w->ike_sas != NO_INDEX ? &t->ike_sas[w->ike_sas].prev_in_tunnel : &w->oldest_ike_sa) = i;
	w->ike_sas = i;
	w->live_ike++;
	t->ike_sas[i] = sa;
	exchange_make_room(t, &t->ike_sas[i]);
	if (own)
		memcpy(exchange_answerer_room(t, &t->ike_sas[i]), asked, sizeof(asked));
	place_said(t, i, &said);
	ike_sa_index_add(t, i);
}

static void unpack_child_sa(struct tracker *t, struct reader *r, uint32_t tunnel)
{
	uint32_t i = reader_u32(r);
	struct tunnel *w = &t->tunnels[tunnel];
	struct child_sa c;
	struct child_sa_more more;

	unpack_image(r, &c, sizeof(c));

	bool own = unpack_beside(r, &more, &child_sa_nothing_more, sizeof(more));

	c.more = &more;
	if (!reader_ok(r) || i >= t->child_pool.capacity ||
	    (t->child_sas[i].flags & CHILD_SA_USED) || !image_child_sa_is_sane(&c) ||
	    !is_number(t, c.id))
		return;
	claim(&t->child_pool, i);
	c.tunnel = tunnel;
	c.flags &= (uint16_t)~CHILD_SA_DIRTY;
	c.next_in_tunnel = w->child_sas;
	c.prev_in_tunnel = NO_INDEX;
	*(w->child_sas != NO_INDEX ? &t->child_sas[w->child_sas].prev_in_tunnel
				   : &w->oldest_child_sa) = i;
	w->child_sas = i;
	w->live_child++;
	c.more = &child_sa_nothing_more;
	t->child_sas[i] = c;
	if (own)
		*child_more(t, &t->child_sas[i]) = more;
}

/* Its name leads to the latest generation, and all before that have ended. */
static bool follows_namesake(const struct tracker *t, const struct esp_sa *sa,
			     const struct esp_ends *is)
{
	const struct esp_arrival a = {
		.src = is->src, .dst = is->dst, .spi = sa->spi, .protocol = sa->protocol,
		.encap = sa->encap,
		.hash = esp_hash(t, &is->src, &is->dst, sa->spi, sa->protocol, sa->encap),
	};
	uint32_t i = esp_find(t, &a);

	return i == NO_INDEX || (t->esp_sas[i].end_reason != END_NONE && t->esp_sas[i].id < sa->id);
}

static void unpack_esp_sa(struct tracker *t, struct reader *r, uint32_t tunnel, int direction)
{
	uint32_t i = reader_u32(r);
	struct tunnel *w = &t->tunnels[tunnel];
	struct esp_sa sa;
	struct esp_ends ends;
	struct esp_sa_more more;
	struct esp_sa_rare rare;

	unpack_image(r, &sa, sizeof(sa));
	unpack_image(r, &ends, sizeof(ends));
	unpack_image(r, &more, sizeof(more));

	bool own = unpack_beside(r, &rare, &esp_sa_nothing_rare, sizeof(rare));

	sa.rare = &rare;
	if (!reader_ok(r) || i >= t->esp_pool.capacity || (t->esp_sas[i].flags & ESP_SA_USED) ||
	    !image_esp_sa_is_sane(&sa, &more, direction) || !is_number(t, sa.id) ||
	    !follows_namesake(t, &sa, &ends))
		return;
	claim(&t->esp_pool, i);
	sa.tunnel = tunnel;
	sa.flags &= (uint8_t)~ESP_SA_DIRTY;
	sa.next_in_direction = w->esp_sas[direction];
	more.prev_in_direction = NO_INDEX;
	*(w->esp_sas[direction] != NO_INDEX
		  ? &t->esp_more[w->esp_sas[direction]].prev_in_direction
		  : &w->oldest_esp_sa[direction]) = i;
	w->esp_sas[direction] = i;
	w->live_esp[direction]++;
	if (!(sa.flags & ESP_SA_CONFIRMED)) {
		t->unconfirmed++;
		w->unconfirmed++;
	}
	sa.rare = &esp_sa_nothing_rare;
	t->esp_sas[i] = sa;
	t->esp_more[i] = more;
	esp_set_ends(t, &t->esp_sas[i], ends);
	if (own)
		*esp_rare(t, &t->esp_sas[i]) = rare;
	esp_index_add(t, i);
}

static bool place_tunnel(struct tracker *t, struct reader *r, uint32_t *ret)
{
	uint32_t i = reader_u32(r);
	struct tunnel w;
	struct tunnel_more more;

	unpack_image(r, &w, sizeof(w));

	bool own = unpack_beside(r, &more, &tunnel_nothing_more, sizeof(more));

	w.more = &more;
	if (!reader_ok(r) || i >= t->tunnel_pool.capacity || (t->tunnels[i].flags & TUNNEL_USED) ||
	    !image_tunnel_is_sane(&w))
		return false;
	claim(&t->tunnel_pool, i);
	w.flags &= ~(uint32_t)(TUNNEL_DIRTY | TUNNEL_UNSAVED);
	w.ike_sas = w.child_sas = w.esp_sas[0] = w.esp_sas[1] = NO_INDEX;
	w.oldest_ike_sa = w.oldest_child_sa = w.oldest_esp_sa[0] = w.oldest_esp_sa[1] = NO_INDEX;
	w.live_ike = w.live_child = w.live_esp[0] = w.live_esp[1] = w.unconfirmed =
		w.unowned_child = 0;
	w.unowned_living = 0;
	w.paths = NO_INDEX;
	w.n_paths = 0;
	w.id = tracker_number(t, OBJECT_TUNNEL);
	/* nobody waits for it while its first IKE SA is set up: no judgement that comes sooner */
	if (w.due == NSEC_NONE)
		w.due = tracker_bounded(w.last + t->settings->silent_end);
	w.more = &tunnel_nothing_more;
	t->tunnels[i] = w;
	tunnel_mark_peers(t, i);
	if (own)
		*tunnel_more(t, &t->tunnels[i]) = more;
	*ret = i;
	return true;
}

static void unpack_paths(struct tracker *t, struct reader *r, uint32_t tunnel)
{
	struct path paths[TUNNEL_PATHS];
	uint32_t n = reader_u32(r), i = 0;

	for (; i < n && i < TUNNEL_PATHS && reader_ok(r); i++)
		unpack_image(r, &paths[i], sizeof(paths[i]));
	while (reader_ok(r) && i-- > 0)		/* the latest last, as they came */
		if (image_path_is_sane(&paths[i]))
			path_add(t, tunnel, paths[i].a, paths[i].b, paths[i].side_of_a);
}

static struct child_sa *child_of(struct tracker *t, uint32_t i, uint32_t tunnel)
{
	return i < t->child_pool.high && (t->child_sas[i].flags & CHILD_SA_USED) &&
			       t->child_sas[i].tunnel == tunnel
		       ? &t->child_sas[i]
		       : NULL;
}

static struct ike_sa *ike_sa_of(struct tracker *t, uint32_t i, uint32_t tunnel)
{
	return i < t->ike_pool.high && (t->ike_sas[i].flags & IKE_SA_USED) &&
			       t->ike_sas[i].tunnel == tunnel
		       ? &t->ike_sas[i]
		       : NULL;
}

/* Two that name each other; or neither does. */
static void check_esp_sas(struct tracker *t, uint32_t tunnel, int direction)
{
	for (uint32_t i = t->tunnels[tunnel].esp_sas[direction]; i != NO_INDEX;
	     i = t->esp_sas[i].next_in_direction) {
		const struct child_sa *c = child_of(t, t->esp_sas[i].child, tunnel);

		if (!c || c->esp[direction] != i || c->esp_id[direction] != t->esp_sas[i].id ||
		    c->spi[direction] != t->esp_sas[i].spi)
			t->esp_sas[i].child = NO_INDEX;
	}
}

static void check_links(struct tracker *t, uint32_t tunnel, uint32_t i)
{
	struct child_sa_more *c = child_more(t, &t->child_sas[i]);
	const struct child_sa *before = child_of(t, c->predecessor, tunnel),
			      *after = child_of(t, c->successor, tunnel);
	const struct ike_sa *holder = ike_sa_of(t, c->held_by, tunnel);

	if (!before || before->more->successor != i || before->id != c->predecessor_id)
		c->predecessor = NO_INDEX;
	if (!after || after->more->predecessor != i ||
	    after->more->predecessor_id != t->child_sas[i].id)
		c->successor = NO_INDEX;
	if (!holder || holder->id != c->ike_sa_id ||
	    (holder->rekey[0].child != i && holder->rekey[1].child != i && holder->auth_child != i))
		c->held_by = NO_INDEX;
	c->next_of_ike = c->prev_of_ike = NO_INDEX;
}

static void check_child_sa(struct tracker *t, uint32_t tunnel, uint32_t i)
{
	struct child_sa *c = &t->child_sas[i];
	uint32_t ike_sa = ike_sa_of(t, c->ike_sa, tunnel) ? c->ike_sa : NO_INDEX;

	if (c->more != &child_sa_nothing_more)
		check_links(t, tunnel, i);
	/* tentative, and nobody will decide any more */
	if (c->more->held_by == NO_INDEX && c->id == 0) {
		c->flags &= (uint16_t)~CHILD_SA_TENTATIVE;
		c->id = tracker_number(t, OBJECT_CHILD_SA);
	}
	for (int d = 0; d < 2; d++)
		if (c->esp[d] >= t->esp_pool.high || !(t->esp_sas[c->esp[d]].flags & ESP_SA_USED) ||
		    t->esp_sas[c->esp[d]].child != i || t->esp_sas[c->esp[d]].direction != d)
			c->esp[d] = NO_INDEX;
	child_let_go(t, c);
	if (c->how != CREATED_UNKNOWN)	/* whoever wrote the image may not have had these */
		t->tunnels[tunnel].flags |= TUNNEL_CHILD_MADE;
	if (c->flags & CHILD_SA_PAIRED_BY_ORDER)
		t->tunnels[tunnel].flags |= TUNNEL_PAIRED_BY_ORDER;
	if (ike_sa != NO_INDEX)
		child_adopt(t, i, ike_sa);
}

/* The one that is held says so too, or its end would leave the other with nothing in its hand. */
static bool child_held(struct tracker *t, uint32_t ike_sa, uint32_t child, uint32_t tunnel)
{
	const struct child_sa *c = child_of(t, child, tunnel);

	return c && c->more->held_by == ike_sa && c->more->ike_sa_id == t->ike_sas[ike_sa].id;
}

static void check_ike_sa(struct tracker *t, uint32_t tunnel, uint32_t i)
{
	struct ike_sa *sa = &t->ike_sas[i];
	const struct ike_sa *before = ike_sa_of(t, sa->predecessor, tunnel),
			    *after = ike_sa_of(t, sa->successor, tunnel);

	if (!before || before->successor != i || before->id != sa->parent)
		sa->predecessor = NO_INDEX;
	if (!after || after->predecessor != i || after->parent != sa->id)
		sa->successor = NO_INDEX;
	for (int side = 0; side < 2; side++)
		if (!child_held(t, i, sa->rekey[side].child, tunnel))
			sa->rekey[side].child = NO_INDEX;
	if (!child_held(t, i, sa->auth_child, tunnel))
		sa->auth_child = NO_INDEX;
}

static void unpack_deletes(struct tracker *t, struct reader *r, uint32_t tunnel)
{
	struct pending_delete *d = &t->deletes[tunnel * PENDING_DELETES];

	for (unsigned i = 0; i < t->tunnels[tunnel].n_deletes; i++) {
		unpack_image(r, &d[i], sizeof(d[i]));
		if (!reader_ok(r) || !image_delete_is_sane(&d[i]))
			d[i].at = NSEC_NONE;
		if (d[i].at != NSEC_NONE)
			d[i].tunnel = tunnel;
	}
}

bool tracker_restore(struct tracker *t, uint32_t capture, struct bytes image, uint32_t *ret_tunnel)
{
	struct reader r = reader_over(image.data, image.length, image.length);
	struct hash_key key;
	struct tunnel *w;
	uint32_t n;

	t->capture = capture;
	unpack_image(&r, &key, sizeof(key));
	if (reader_ok(&r) && t->tunnel_pool.used == 0)
		t->key = key;		/* nothing was hashed yet */
	if (!place_tunnel(t, &r, ret_tunnel))
		return false;
	w = &t->tunnels[*ret_tunnel];
	unpack_deletes(t, &r, *ret_tunnel);
	unpack_paths(t, &r, *ret_tunnel);
	for (n = reader_u32(&r); reader_ok(&r) && n > 0; n--)
		unpack_ike_sa(t, &r, *ret_tunnel);
	for (n = reader_u32(&r); reader_ok(&r) && n > 0; n--)
		unpack_child_sa(t, &r, *ret_tunnel);
	for (int d = 0; d < 2; d++)
		for (n = reader_u32(&r); reader_ok(&r) && n > 0; n--)
			unpack_esp_sa(t, &r, *ret_tunnel, d);

	for (int d = 0; d < 2; d++)
		check_esp_sas(t, *ret_tunnel, d);
	for (uint32_t i = w->oldest_child_sa; i != NO_INDEX; i = t->child_sas[i].prev_in_tunnel)
		check_child_sa(t, *ret_tunnel, i);
	for (uint32_t i = w->ike_sas; i != NO_INDEX; i = t->ike_sas[i].next_in_tunnel)
		check_ike_sa(t, *ret_tunnel, i);
	for (unsigned i = 0; i < w->n_deletes; i++) {
		struct pending_delete *d = &t->deletes[*ret_tunnel * PENDING_DELETES + i];

		if (d->at != NSEC_NONE && !ike_sa_of(t, d->ike_sa, *ret_tunnel))
			d->ike_sa = NO_INDEX;
	}
	return true;
}
