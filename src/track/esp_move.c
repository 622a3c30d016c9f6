/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ESP and AH SAs that go on from another address or port: moved by MOBIKE (RFC 4555) or by a NAT,
 * or sent on two paths in turn, which is one move and not a hundred.
 */
#include "track/tracker.h"

/* an SA that moved stays for so long and so many packets before it moves back */
#define SETTLED (10 * NSEC_PER_S)
enum { SETTLED_PACKETS = ESP_CONFIRMING_PACKETS };

uint32_t *esp_hint(const struct tracker *t, uint32_t spi)
{
	return &t->esp_by_spi[(spi ^ spi >> 16) & t->esp_by_spi_mask];
}

static bool is_next(const struct esp_sa *sa, uint32_t seq)
{
	return seq - sa->seq_high - 1 < ESP_MOVE_AHEAD;
}

/* It may have been overtaken on its way, but not by the move. */
static bool is_of_sequence(const struct esp_sa *sa, uint32_t seq)
{
	uint32_t behind = sa->seq_high - seq;

	return is_next(sa, seq) ||
	       (behind < ESP_WINDOW_BITS && behind <= sa->seq_high - sa->seq_first);
}

uint32_t esp_elsewhere(const struct tracker *t, const struct esp_arrival *a)
{
	uint32_t i = *esp_hint(t, a->spi);
	const struct esp_sa *sa;

	if (i == 0)
		return NO_INDEX;
	sa = &t->esp_sas[i - 1];
	if (!(sa->flags & ESP_SA_USED) || sa->spi != a->spi || sa->protocol != a->protocol ||
	    sa->end_reason != END_NONE || addr_is_multicast(a->dst))
		return NO_INDEX;
	const struct esp_ends is = esp_ends(t, sa);
	bool same_src = addr_equal(is.src, a->src), same_dst = addr_equal(is.dst, a->dst);

	if (addr_is_multicast(is.dst))
		return NO_INDEX;
	if ((!same_src && !same_dst) || (same_src && same_dst && sa->encap == a->encap))
		return NO_INDEX;
	/* it is believed, or it took the place of one that was */
	if (sa->packets < ESP_CONFIRMING_PACKETS &&
	    t->esp_more[i - 1].predecessor_spi != sa->spi)
		return NO_INDEX;
	return is_of_sequence(sa, a->seq) ? i - 1 : NO_INDEX;
}

uint32_t esp_moved_from(const struct tracker *t, const struct esp_arrival *a)
{
	uint32_t i = esp_elsewhere(t, a);

	return i != NO_INDEX && is_next(&t->esp_sas[i], a->seq) ? i : NO_INDEX;
}

uint32_t esp_overtaken(const struct tracker *t, const struct esp_arrival *a)
{
	uint32_t i = esp_elsewhere(t, a);

	if (i == NO_INDEX || is_next(&t->esp_sas[i], a->seq))
		return NO_INDEX;
	return t->esp_sas[i].window >> (t->esp_sas[i].seq_high - a->seq) & 1 ? NO_INDEX : i;
}

void esp_turned(struct tracker *t, struct esp_sa *sa, nsec at)
{
	struct esp_sa_rare *rare = esp_rare(t, sa);

	rare->turned = rare->away_since = at;
	rare->turned_packets = sa->packets;
	rare->away_run = 0;
}

bool esp_returns(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a)
{
	struct esp_sa_rare *rare = esp_rare(t, sa);
	uint64_t here = sa->packets - rare->turned_packets;	/* since the last from there */

	/* an image of it may not say */
	if (rare->turned == NSEC_NONE || rare->away_since == NSEC_NONE)
		rare->turned = rare->away_since = a->at;
	if (!is_next(sa, a->seq))
		return false;
	if (here >= SETTLED_PACKETS && a->at - rare->turned > SETTLED)
		return true;
	if (here > 0) {
		rare->away_since = a->at;
		rare->away_run = 0;
	}
	rare->away_run++;
	rare->turned = a->at;
	return rare->away_run >= SETTLED_PACKETS && a->at - rare->away_since >= SETTLED;
}

bool esp_ports_changed(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
		       uint32_t ahead)
{
	struct tunnel *tunnel = &t->tunnels[sa->tunnel];
	const struct esp_sa_rare *was = sa->rare;
	int side = sa->direction;
	struct event ev = event_of(t, EVENT_ADDRESS_MOVED, a->at, sa->tunnel);

	if (ahead - 1 >= ESP_MOVE_AHEAD)	/* an outsider does not know what comes next */
		return false;
	if (was->turned != NSEC_NONE && a->src_port == was->left_src_port &&
	    a->dst_port == was->left_dst_port && !esp_returns(t, sa, a))
		return false;
	if (a->src_port == sa->src_port)
		side = 1 - side;		/* the receiver's port changed */
	esp_rare(t, sa)->left_src_port = sa->src_port;
	esp_rare(t, sa)->left_dst_port = sa->dst_port;
	esp_turned(t, sa, a->at);
	sa->src_port = a->src_port;
	sa->dst_port = a->dst_port;
	if (!path_add(t, sa->tunnel, (struct endpoint){ a->src, a->src_port },
		      (struct endpoint){ a->dst, a->dst_port }, sa->direction))
		return true;
	if (a->encap != ENCAP_NONE && side >= 0) {
		tunnel_seen_at(t, tunnel, side,
			       side == sa->direction ? (struct endpoint){ a->src, a->src_port }
						     : (struct endpoint){ a->dst, a->dst_port });
		ev.esp_sa = (uint32_t)(sa - t->esp_sas);
		ev.side = (int8_t)side;
		event_emit(t, &ev);
	}
	return true;
}
