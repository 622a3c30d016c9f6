/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tracker: frames in, security associations and events out.  It owns the
 * tables of tunnels, IKE SAs, child SAs, ESP SAs and exchanges; others read
 * them through the const pointers it gives.  It does no I/O, has no clock and
 * allocates nothing after tracker_new().
 *
 * A tunnel is an unordered pair of peers; "side" 0 and 1 are peer[0] and
 * peer[1] in endpoint_compare() order, -1 is unknown.  A direction is named by
 * its sender: direction 0 is peer[0] -> peer[1].
 */
#ifndef SAWATCH_TRACK_H
#define SAWATCH_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/addr.h>
#include <sawatch/hash.h>
#include <sawatch/icmp.h>
#include <sawatch/ike.h>
#include <sawatch/link.h>
#include <sawatch/nsec.h>
#include <sawatch/prepare.h>
#include <sawatch/record.h>
#include <sawatch/settings.h>

enum { NO_INDEX = UINT32_MAX, SIDE_UNKNOWN = -1 };

struct tracker;

/* ---- objects, read-only for everyone but the tracker ---------------------- */

/* One request and its answer, with every copy counted. */
struct exchange {
	object_id id;
	uint32_t tunnel, ike_sa;	/* indices; ike_sa NO_INDEX when the IKE SA is unknown */
	uint64_t spi_i, spi_r;
	uint8_t major, type;		/* IKE version and exchange type */
	int8_t from;			/* side that asked */
	bool closed;			/* nothing more is expected */
	uint32_t message_id;
	nsec request_at, request_last;	/* first and latest transmission; NSEC_NONE not seen */
	nsec response_at, response_last;
	nsec last_gap;			/* between the latest two transmissions of the request */
	uint64_t request_frame, request_last_frame, response_frame, response_last_frame;
	/* transmissions, first ones included; mirror copies are not counted */
	uint16_t requests, responses;
	/* copies of the request that came at least settings->dup_ike after the first answer */
	uint16_t requests_after_response;
	/* IKE length of one transmission (sum over SKF fragments) */
	uint32_t request_bytes, response_bytes;
	int16_t request_np1, response_np1;	/* first inner payload, IKE_NP1_NONE */
	uint16_t request_src_port, request_dst_port, response_src_port, response_dst_port;
	/* 1: the message came as IP fragments */
	uint16_t request_ip_fragments, response_ip_fragments;
	uint16_t request_fragment_total, response_fragment_total;	/* SKF; 0 unfragmented */
	/* bit n-1: fragment n was seen */
	uint32_t request_fragments_seen, response_fragments_seen;
	uint64_t request_hash, response_hash;	/* of the first transmission's bytes */
	enum exchange_outcome outcome;
	enum exchange_purpose purpose;
	enum grade grade;		/* of the purpose */
	/* private: leaves no row until it is answered (restraint.c) */
	bool quiet;
	bool crossing_told;		/* private: EVENT_DELETE_COLLISION was emitted for it */
	/* private: a copy came in other pieces than the first transmission, whose size is known */
	bool request_recut, response_recut;
	uint16_t error;			/* clear error notify of the answer; 0 none */
	uint16_t error_group;		/* INVALID_KE_PAYLOAD: the group wanted */
	uint64_t written;		/* private: state as last given to the sink */
};

enum {
	TRACK_OFFERS_MAX = 8, TRACK_TRANSFORMS_MAX = 48, TRACK_VENDORS_MAX = 8,
	TRACK_VENDOR_HEX = 2 * 16 + 1,
};

struct ike_vendor {
	const char *name;		/* static; NULL unknown */
	char hex[TRACK_VENDOR_HEX];
	int8_t side;
};

struct ike_sa {
	object_id id;
	uint32_t tunnel;
	uint64_t spi_i, spi_r;		/* spi_r 0: no answer yet */
	uint8_t major;
	int8_t initiator_side;		/* original initiator of this IKE SA */
	struct endpoint initiator, responder;	/* as last seen */
	enum ike_state state;
	enum origin origin;
	nsec created, established, ended, last;	/* NSEC_NONE not (yet) seen */
	enum end_reason end_reason;
	int8_t ended_by;
	enum grade grade;		/* of origin and end */
	object_id parent;		/* rekeyed from; 0 none */
	uint64_t parent_spi_i, parent_spi_r;
	uint32_t successor;		/* index of the IKE SA that replaced this one; NO_INDEX */
	uint64_t first_frame, last_frame;
	uint64_t messages;
	/* IKE_SA_INIT, main or aggressive mode was seen from its start */
	bool init_seen;
	bool auth_failed;

	/* chosen suite and offers of the clear messages; 0 not seen */
	uint16_t encr, key_bits, integ, prf, group, auth;	/* IKEv1: integ is the hash */
	uint64_t life_seconds, life_kilobytes;	/* IKEv1, of the chosen transform */
	bool has_life_seconds, has_life_kilobytes;
	uint8_t n_offers, n_transforms;	/* one of them is 0 */
	union {				/* borrowed from tables of the tracker */
		struct ike1_offer *offers1;	/* IKEv1 */
		struct ike2_transform *transforms;	/* IKEv2, as offered */
	};
	uint64_t offer_frame;
	tristate nat[2];		/* [0] initiator, [1] responder stands behind a NAT */
	uint8_t n_vendors;
	struct ike_vendor *vendors;

	/*
	 * The current and the previous exchange that the initiator [0], the responder [1] asked;
	 * id 0: none.  Borrowed: those of the initiator are `asked`.
	 */
	struct exchange *current[2], *previous[2];
	/* message ID of the latest exchange that each asked and that was answered; -1 none */
	int64_t answered_id[2];
	/* list of the tunnel's IKE SAs, newest first; NO_INDEX ends */
	uint32_t next_in_tunnel;
	/* the child SAs that it holds, by next_of_ike; a rekey gives them to its successor */
	uint32_t children;
	/* private to the tracker */
	uint32_t prev_in_tunnel;
	uint32_t predecessor;		/* the one whose `successor` this is */
	uint32_t flags;
	/* bytes of the longest encrypted answer that can only be an error; 0 unknown */
	uint32_t error_bytes_max;
	nsec due;
	nsec delete_at;			/* request time of an unresolved Delete */
	int8_t delete_by;
	nsec delete_wait;		/* silence after it that shows that it was one */
	/* IKEv1: length of a DPD message, once one was answered by an equal one; else 0 */
	uint32_t dpd_bytes;
	/* of each side, its latest CREATE_CHILD_SA that may have been an IKE rekey */
	struct ike_rekey {
		nsec at, requested;	/* answer and request; `at` NSEC_NONE: none */
		uint32_t child;		/* the tentative child SA of that exchange */
	} rekey[2];
	int8_t rekey_by;		/* whose was answered last; SIDE_UNKNOWN none */
	uint32_t auth_child;		/* tentative child SA of IKE_AUTH */
	struct exchange asked[2];
};

/*
 * The part of an ESP SA that most never need while they live: about an end, a restart of the
 * sequence, copies.  `rare` points to esp_sa_nothing_rare until one of its own is needed.
 */
struct esp_sa_rare {
	object_id successor;		/* in the same direction; 0 none */
	nsec ended;
	uint64_t lost_before;		/* lost up to the last jump or restart of the sequence */
	uint64_t packets_before;	/* packets up to it */
	uint32_t successor_spi;
	uint32_t low_seq;		/* the latest number of low_run or far_run */
	uint32_t stale_packets;		/* later than settings->overlap_budget after its end */
	uint32_t duplicates;
	uint32_t epoch;			/* times the sequence number wrapped (ESN) */
	uint32_t generation;
	/* the ports that it had before it moved */
	uint16_t left_src_port, left_dst_port;
	/*
	 * Does it send from two places in turn (esp_move.c)?  When it moved, or its latest packet
	 * from the place that it left came, and `packets` then; since when all come from there,
	 * and how many.
	 */
	nsec turned, away_since;
	uint64_t turned_packets;
	uint32_t away_run;
	/* copies within dup_esp since the last judgement (saturates) */
	uint16_t mirrored;
	int8_t ended_by;
	bool of_group;			/* its sequence counts other destinations, too (group.c) */
};

extern const struct esp_sa_rare esp_sa_nothing_rare;

/* The two addresses of an ESP SA. */
struct esp_ends {
	struct addr src, dst;
};

/*
 * One SPI, one direction, one generation: two cache lines.  The fast path changes the first, and
 * compares addresses: those of IPv4 in the second, those of IPv6 elsewhere.
 */
struct esp_sa {
	uint32_t spi;
	uint32_t seq_high;		/* highest sequence number */
	uint64_t window;		/* bit n: seq_high - n was seen */
	nsec last;

	uint64_t packets, bytes;	/* distinct packets; copies are only in `duplicates` */
	uint64_t last_frame;
	nsec next_minute;		/* when the running traffic bucket ends */
	uint8_t protocol, encap;	/* enum esp_protocol, enum encap */
	int8_t direction;		/* side that sends */
	uint8_t flags;			/* ESP_SA_… */
	uint8_t low_run;		/* packets in a row that look like a restarted sequence */
	uint8_t far_run;		/* packets in a row from far ahead, perhaps forged */
	uint8_t end_reason;		/* enum end_reason; END_NONE living */
	uint8_t grade;			/* enum grade; of its end */

	uint32_t src4, dst4;		/* private, 0 of IPv6: see tracker_esp_ends() */
	uint16_t src_port, dst_port;	/* of the latest packet; 0 without encapsulation */
	uint32_t tunnel;
	uint32_t seq_first;
	/* highest sequence number when the traffic bucket before the running one began */
	uint32_t seq_minute_before;
	uint32_t child;			/* child SA index; NO_INDEX */
	uint32_t next_in_direction;	/* the tunnel's list of this direction, newest first */
	object_id id;
	const struct esp_sa_rare *rare;
	nsec first;
	uint64_t first_frame;
};

/* The part of an ESP SA that its usual packet does not need: see tracker_esp_more(). */
struct esp_sa_more {
	/* its totals when the running minute began; of two only the lower 32 bits */
	uint64_t minute_bytes;
	uint32_t minute_packets, minute_lost;
	/* highest sequence number when the running traffic bucket began */
	uint32_t seq_minute;
	uint32_t late;
	object_id predecessor;		/* in the same direction; 0 none */
	uint32_t predecessor_spi;
	uint32_t prev_in_direction;	/* private */
};

enum {
	ESP_SA_USED = 1,		/* slot in use */
	ESP_SA_DIRTY = 2,		/* changed since the last record */
	ESP_SA_MIDSTREAM = 4,		/* was there before the capture: its age is a lower bound */
	/* three packets, or IKE evidence: not pushed out by strangers */
	ESP_SA_CONFIRMED = 8,
	ESP_SA_ESN = 16,		/* its sequence number wrapped and it went on */
	ESP_SA_WIDE = 32,		/* private: not between two IPv4 addresses */
	ESP_SA_QUIET = 128,		/* leaves no rows until it is confirmed (restraint.c) */
	ESP_SA_UNWATCHED = 64,		/* nobody watched since its latest packet */
};

/*
 * The part of a child SA about its exchange, what it replaced, what replaced it, and its end.  One
 * of which only ESP was seen needs none of it while it lives.  `more` points to
 * child_sa_nothing_more until one of its own is needed.
 */
struct child_sa_more {
	object_id ike_sa_id;
	uint64_t ike_spi_i, ike_spi_r;
	/* request of the creating exchange; NSEC_NONE none: see child_sa_requested() */
	nsec requested;
	nsec ended;
	nsec rekey_at;			/* request time of the exchange that replaced it */
	object_id predecessor_id;
	uint32_t predecessor_spi[2];
	uint32_t predecessor, successor;
	uint32_t next_of_ike;		/* held by the same IKE SA, the one before it; NO_INDEX */
	/* private */
	uint32_t prev_of_ike;
	/* IKE SA that names it in rekey[] or auth_child; NO_INDEX */
	uint32_t held_by;
	uint32_t response_bytes;
	int16_t request_np1, response_np1;
	int8_t rekeyed_by;		/* side whose exchange replaced it; SIDE_UNKNOWN */
};

extern const struct child_sa_more child_sa_nothing_more;

struct child_sa {
	object_id id;
	uint32_t tunnel, ike_sa;	/* indices; ike_sa NO_INDEX unknown */
	uint32_t esp[2];		/* per direction; NO_INDEX never seen */
	object_id esp_id[2];
	uint32_t spi[2];
	nsec created;			/* answer of the creating exchange, or its first packet */
	const struct child_sa_more *more;
	enum grade grade;
	int8_t ended_by;
	int8_t created_by;
	enum child_state state;
	enum created_how how;
	enum end_reason end_reason;
	uint16_t flags;			/* private: CHILD_SA_... */
	uint32_t next_in_tunnel;
	uint32_t prev_in_tunnel;	/* private */
};

/* When it was asked for; of one of which only ESP was seen, when it was made. */
static inline nsec child_sa_requested(const struct child_sa *c)
{
	return c->more->requested == NSEC_NONE ? c->created : c->more->requested;
}

enum {
	CHILD_SA_USED = 1, CHILD_SA_DIRTY = 2,
	CHILD_SA_TENTATIVE = 4,		/* may still turn out to be an IKE rekey: not shown yet */
	CHILD_SA_COLLIDED = 8,		/* its exchange crossed one of the other side */
	CHILD_SA_REDUNDANT = 16,	/* lost a collision: never carried traffic */
	CHILD_SA_SETTLED = 32,
	CHILD_SA_MIDSTREAM = 64,	/* age unknown */
	CHILD_SA_PAIRED_BY_ORDER = 256,	/* several births waited when its SPIs appeared */
	CHILD_SA_QUIET = 512,		/* leaves no rows until it is confirmed (restraint.c) */
	CHILD_SA_REKEY_EXPECTED = 128,	/* its request's first payload says that it replaces one */
};

struct tunnel_side {
	uint64_t esp_packets_before;	/* of SAs that were released */
	nsec esp_last;			/* as of the latest judgement */
};

/* How many rows were not written (restraint.c), and when. */
struct left_out {
	uint64_t n;
	nsec since, last;
};

/* IKE of one side. */
struct tunnel_ike {
	uint64_t messages;
	nsec last;			/* the latest of them */
	/* messages that must exist but were not captured */
	uint64_t proven_unseen;
	nsec unseen_since, unseen_last;
	uint64_t unseen_frame;		/* frame that proved the latest */
	uint64_t reassembled;		/* datagrams that came whole in IP fragments */
	uint32_t heard;			/* messages since the latest such proof */
};

/*
 * The part of a tunnel that it does not need while only ESP is seen, from unchanged addresses.
 * `more` points to tunnel_nothing_more until one of its own is needed.
 */
struct tunnel_more {
	struct endpoint now[2];		/* where they were last seen: see tunnel_now() */
	struct tunnel_ike ike[2];
	/* packets seen twice, and distinct IKE messages, since the mirror was last judged */
	uint64_t mirrored, counted;
};

extern const struct tunnel_more tunnel_nothing_more;

struct tunnel {
	object_id id;
	/* identity: port 0, or the NAT's port that separates clients */
	struct endpoint peer[2];
	nsec first, last;
	struct tunnel_side side[2];
	const struct tunnel_more *more;
	uint32_t network;
	uint32_t ike_sas, child_sas, esp_sas[2];	/* list heads, newest first */
	uint32_t oldest_ike_sa, oldest_child_sa, oldest_esp_sa[2];	/* ends of these lists */
	uint32_t n_ike_sas, n_child_sas, n_esp_sas;	/* so far, released ones included */
	/* lengths of these lists */
	uint32_t live_ike, live_child, live_esp[2];
	uint32_t unowned_child;		/* child SAs whose IKE SA is not known */
	uint64_t esp_judged;		/* distinct ESP packets when the mirror was last judged */
	nsec loss_last;			/* latest moment of capture loss; NSEC_NONE never */
	tristate behind_nat[2];
	bool mirror_seen, one_sided[2];	/* one_sided[d]: what side d sends is not captured */
	enum tunnel_state state;
	/* private */
	uint8_t n_paths;
	uint8_t n_deletes;		/* entries of tracker.deletes in use, free ones between */
	uint16_t unowned_living;	/* of unowned_child, those that have not ended */
	uint32_t paths;
	uint32_t flags;
	uint32_t generation;
	uint32_t unconfirmed;		/* ESP SAs without ESP_SA_CONFIRMED */
	nsec due;
	nsec state_since;
	/* when each is full again (restraint.c); NSEC_NONE full */
	nsec purse_hints, purse_confirmed;
	struct left_out left_out;
};

/* The endpoint at which a side was last seen; NAT and MOBIKE change it. */
static inline struct endpoint tunnel_now(const struct tunnel *w, int side)
{
	return w->more == &tunnel_nothing_more ? w->peer[side] : w->more->now[side];
}

/* ---- events --------------------------------------------------------------- */

/* X(KIND, "text", HISTORY): HISTORY 1 is a row of the history, 0 is for the detectors only. */
#define EVENTS(X) \
	X(IKE_SA_CREATED, "ike_sa_created", 1)			/* first message of an IKE SA */ \
	/* authenticated, or made by a rekey */ \
	X(IKE_SA_ESTABLISHED, "ike_sa_established", 1) \
	/* ike_sa: the new one; other: the old one */ \
	X(IKE_SA_REKEYED, "ike_sa_rekeyed", 1) \
	X(IKE_SA_ENDED, "ike_sa_ended", 1) \
	/* it did not end: value[0] = the end reason it had, [1] = 1 after what looked like a \
	 * Delete; side = whose */ \
	X(IKE_SA_REVISED, "ike_sa_revised", 1) \
	X(CHILD_SA_CREATED, "child_sa_created", 1) \
	/* child_sa: the new one; other: the old one */ \
	X(CHILD_SA_REKEYED, "child_sa_rekeyed", 1) \
	/* an earlier decision about it was corrected */ \
	X(CHILD_SA_REVISED, "child_sa_revised", 0) \
	X(CHILD_SA_ENDED, "child_sa_ended", 1) \
	/* an SPI carries its first packet */ \
	X(ESP_SA_FIRST, "esp_sa_first", 1) \
	/* esp_sa: the new one; other: the old one, same direction */ \
	X(ESP_SA_REPLACED, "esp_sa_replaced", 0) \
	X(ESP_SA_ENDED, "esp_sa_ended", 0) \
	/* a packet on an SA that ended, its budget over */ \
	X(ESP_AFTER_END, "esp_after_end", 0) \
	/* not a mirror copy: value[0] = ns since the SA's latest packet, [1] = positions behind \
	 * the highest */ \
	X(ESP_DUPLICATE, "esp_duplicate", 0) \
	/* value[0] = positions behind the highest */ \
	X(ESP_LATE, "esp_late", 0) \
	/* value[0] = sequence numbers skipped at once */ \
	X(ESP_GAP, "esp_gap", 0) \
	X(ESP_SEQ_RESET, "esp_seq_reset", 1) \
	X(ESP_SEQ_JUMP, "esp_seq_jump", 1)			/* value[0] = how far */ \
	/* a minute of an ESP SA: value[0] packets, [1] bytes, [2] lost */ \
	X(TRAFFIC, "traffic", 0) \
	/* first transmission of a request */ \
	X(REQUEST, "request", 0) \
	X(REQUEST_COPY, "request_copy", 0)			/* a retransmission */ \
	X(RESPONSE, "response", 0)				/* first answer */ \
	X(RESPONSE_COPY, "response_copy", 0) \
	X(EXCHANGE_CLOSED, "exchange_closed", 0)		/* final outcome of exchange */ \
	/* one line per exchange that needed copies, when it is over */ \
	X(RETRANSMISSION, "retransmission", 1) \
	/* crossing CREATE_CHILD_SA or quick modes; child_sa won, other is redundant; child_sa \
	 * NO_INDEX: of ike_sa itself, other is one of its two successors */ \
	X(REKEY_COLLISION, "rekey_collision", 1) \
	/* crossing Deletes; exchange and other_exchange */ \
	X(DELETE_COLLISION, "delete_collision", 1) \
	/* CREATE_CHILD_SA or quick mode answered by an error */ \
	X(CHILD_REFUSED, "child_refused", 1) \
	/* IKE_AUTH answered by an error */ \
	X(AUTH_REFUSED, "auth_refused", 1) \
	/* clear error notify; value[0] = type */ \
	X(ERROR_NOTIFY, "error_notify", 1) \
	/* the responder asks for a cookie */ \
	X(COOKIE, "cookie", 1) \
	/* IKEv1 phase 1 offer of the initiator */ \
	X(LIFETIME_OFFERED, "lifetime_offered", 0) \
	/* IKEv1: transform the responder returned */ \
	X(LIFETIME_ANSWERED, "lifetime_answered", 0) \
	X(NAT_FOUND, "nat_found", 1)				/* side = who stands behind it */ \
	/* same SPIs, new address or port; value[0] = 1 with MOBIKE exchange */ \
	X(ADDRESS_MOVED, "address_moved", 1) \
	X(KEEPALIVE, "keepalive", 0) \
	/* quotes this tunnel's packet: value[0] type, [1] code, [2] mtu, [3] spi */ \
	X(ICMP_ERROR, "icmp_error", 1) \
	X(FRAGMENT_MISSING, "fragment_missing", 1) \
	X(ESP_NEW_PEER, "esp_new_peer", 0) \
	X(TICK, "tick", 0)					/* judge this tunnel now */ \
	/* what `side` sends is not captured */ \
	X(ONE_SIDED, "one_sided", 1) \
	/* about the capture: tunnel NO_INDEX */ \
	X(CAPTURE_LOSS, "capture_loss", 1) \
	/* packets of this tunnel arrive twice */ \
	X(MIRROR, "mirror", 1) \
	X(CLOCK_JUMP, "clock_jump", 1)				/* value[0] = step in ns */ \
	/* nobody saw what came: value[0] = for how long, in ns */ \
	X(UNWATCHED, "unwatched", 1) \
	/* value[0] = rows not written, so that a flood cannot fill the history, [1] = within, in \
	 * ns */ \
	X(LEFT_OUT, "left_out", 1) \
	X(TABLE_FULL, "table_full", 1)				/* the quietest entry made room */

#define SAWATCH_ENUM_EVENT(kind, text, history) EVENT_##kind,
enum event_kind { EVENTS(SAWATCH_ENUM_EVENT) EVENT_KINDS };

/* As in the column `kind` of the table events, static. */
const char *event_kind_text(enum event_kind k);
/* Is it a row there?  The others are for the detectors only. */
bool event_is_history(enum event_kind k);

struct event {
	enum event_kind kind;
	nsec at;			/* packet time of what caused it */
	uint64_t frame;			/* 0: no single frame */
	uint32_t capture;
	uint32_t tunnel;		/* index; NO_INDEX: about the capture */
	int8_t side;			/* who did it; SIDE_UNKNOWN */
	uint32_t ike_sa, child_sa, esp_sa;	/* indices; NO_INDEX */
	uint32_t other;			/* index of the second object, see EVENTS; NO_INDEX */
	const struct exchange *exchange, *other_exchange;	/* NULL; borrowed for the call */
	int64_t value[4];
};

/* ---- the tracker ---------------------------------------------------------- */

struct tracker_handler {
	void *user;
	/* Called at once, in order.  The tables may be read, nothing may be changed. */
	void (*event)(void *user, const struct tracker *t, const struct event *ev);
	/*
	 * Snapshots for the history: whenever an object ends, and all changed
	 * ones at tracker_flush().  Events of the history come here as well.
	 */
	struct record_sink sink;
	/* A frame that needs reassembly: an IP fragment, or a segment of TCP port 4500. */
	void (*fragment)(void *user, const struct frame *f, const struct packet *p);
	void (*segment)(void *user, const struct frame *f, const struct packet *p);
	/*
	 * This tunnel was counted in quiet_tunnels before the last tracker_counters_reset(), and
	 * gets rows after all.
	 */
	void (*told_late)(void *user, object_id tunnel);
};

/* NULL when memory is short. `settings` must outlive the tracker. */
struct tracker *tracker_new(const struct settings *settings, const struct hash_key *key,
			    const struct tracker_handler *handler);
/* Accepts NULL.  Gives nothing to the sink: see tracker_finish(). */
void tracker_free(struct tracker *t);

/* Frames of one capture, in its order.  Never fails: what is not IPsec, cut or wrong is counted. */
void tracker_frames(struct tracker *t, const struct frame *frames, size_t n);

/* The same for frames prepared by prepare_frames(), perhaps on another thread, with this key: */
void tracker_prepared(struct tracker *t, const struct prepared *p);
/* The key of this tracker, borrowed; it changes only by tracker_restore(). */
const struct hash_key *tracker_key(const struct tracker *t);

/*
 * What reassembly gives back: a whole packet; one message of a TCP stream (without its marker if
 * `is_ike`); and a packet of which a fragment never came.
 */
void tracker_packet(struct tracker *t, const struct frame *f, const struct packet *whole);
void tracker_message(struct tracker *t, const struct frame *f, const struct packet *p,
		     uint16_t src_port, uint16_t dst_port, bool is_ike, struct bytes message);
void tracker_fragment_missing(struct tracker *t, nsec at, const struct packet *first_seen,
			      uint64_t frame);

/* The capturing system says that it dropped `n` packets between these moments. */
void tracker_dropped(struct tracker *t, nsec from, nsec to, uint64_t n);

/* Packet time has reached `now` without a packet. */
void tracker_advance(struct tracker *t, nsec now);

/*
 * Nobody needs rows of events, exchanges and traffic, nor what IKE SAs were offered.  A tunnel that
 * had any gives the sink one event that says so, before its own record.  Records of ESP SAs and
 * child SAs come once: when they are released, or at tracker_flush(), to be called once, after
 * tracker_end().
 */
void tracker_without_details(struct tracker *t);

/* Give every changed object to the sink. */
void tracker_flush(struct tracker *t);
/*
 * The same for the next `slots` of each table, going round; true when the end of all of them was
 * reached.
 */
bool tracker_flush_part(struct tracker *t, uint32_t slots);
/* Count every object as changed, because the sink lost some of what it was given. */
void tracker_mark_all(struct tracker *t);

/*
 * No more frames will come, and no tunnel will be saved: the memory that only they need is given
 * back.  tracker_end() and tracker_flush() may follow.
 */
void tracker_leave(struct tracker *t);

/*
 * The captures end here: decide what is open, and end living objects as capture_end.  The records
 * come with tracker_flush().
 */
void tracker_end(struct tracker *t);
/* tracker_end() if `final`, and tracker_flush(). */
void tracker_finish(struct tracker *t, bool final);

/*
 * Across a restart.  tracker_save() writes a tunnel with all that belongs to it into `room`, and
 * returns its length in bytes: if that is more than `size`, nothing was written; 0: the tunnel
 * leaves no rows and need not be saved.  Only a program with the same tracker_stamp() can read the
 * bytes.  tracker_unsaved(): did SAs of it begin or end since tracker_save()?
 */
const char *tracker_stamp(void);
size_t tracker_save(struct tracker *t, uint32_t tunnel, void *room, size_t size);
bool tracker_unsaved(const struct tracker *t, uint32_t tunnel);

/*
 * Before the first frame, in this order: tracker_restore() for every tunnel, which gets a new id,
 * of `capture`, while its SAs keep theirs; tracker_catch_up_…() for every SA of which the history
 * knows more than the image; tracker_resume().  Then time goes on at `to`, after `from`, the last
 * moment of the run before.  `unwatched`: nobody observed what came in between, so silence and
 * missing packets prove nothing.  False: the bytes are not from such a program, or there is no
 * room.
 */
bool tracker_restore(struct tracker *t, uint32_t capture, struct bytes image, uint32_t *ret_tunnel);
void tracker_catch_up_ike_sa(struct tracker *t, const struct record_ike_sa *r);
/* True when the record was later: then its traffic from *ret_bucket on is wanted, added up. */
bool tracker_catch_up_esp_sa(struct tracker *t, const struct record_esp_sa *r, nsec *ret_bucket);
void tracker_catch_up_traffic(struct tracker *t, const struct record_esp_sa *r,
			      const struct record_traffic *sum);
void tracker_resume(struct tracker *t, uint32_t capture, nsec from, nsec to, bool unwatched);

/* Nobody observed from `from` to `to`: an interface was gone. */
void tracker_unwatched(struct tracker *t, nsec from, nsec to);

/* Record an event about the capture, of which the detectors do not learn; `kind` as its record. */
void tracker_note(struct tracker *t, uint32_t capture, nsec at, const char *kind, const char *text);

/* The row of this tunnel is to be written anew at the next flush. */
void tracker_touch(struct tracker *t, uint32_t tunnel);

/* Packet time: the latest that any frame had; NSEC_NONE before the first. */
nsec tracker_now(const struct tracker *t);
/* The settings of tracker_new(), borrowed. */
const struct settings *tracker_settings(const struct tracker *t);

/* Objects by index; NULL when the slot is free or the index NO_INDEX. */
const struct tunnel *tracker_tunnel(const struct tracker *t, uint32_t index);
const struct ike_sa *tracker_ike_sa(const struct tracker *t, uint32_t index);
const struct child_sa *tracker_child_sa(const struct tracker *t, uint32_t index);
const struct esp_sa *tracker_esp_sa(const struct tracker *t, uint32_t index);
/* Of one that tracker_esp_sa() gave. */
const struct esp_sa_more *tracker_esp_more(const struct tracker *t, const struct esp_sa *sa);
struct esp_ends tracker_esp_ends(const struct tracker *t, const struct esp_sa *sa);
/* Is there a tunnel that is up between these addresses? */
bool tracker_knows(struct tracker *t, struct addr a, struct addr b);
/* A tunnel between these two of which nothing was seen: no SA, no time. */
struct tunnel tunnel_unseen(struct endpoint a, struct endpoint b);
/* Was it ever up: an IKE SA established, or ESP both ways?  Otherwise it may be forged packets. */
bool tunnel_was_up(const struct tunnel *w);
bool tunnel_had_ike(const struct tunnel *w);	/* an IKE SA of it was established */
uint32_t tracker_tunnels(const struct tracker *t);	/* indices are below this */
/*
 * The first tunnel from index `from` on, below `end`, one of whose peers has this address;
 * NO_INDEX.  Quick: those that have not are not looked at themselves.
 */
uint32_t tracker_tunnel_of_peer(const struct tracker *t, struct addr peer, uint32_t from,
				uint32_t end);

/* Sequence numbers of an ESP SA that never came, so far; 0 for one of a group: not known. */
uint64_t esp_sa_lost(const struct esp_sa *sa);
/* The same within its running minute; negative when some of those before came late. */
static inline int64_t esp_sa_minute_lost(const struct esp_sa *sa, const struct esp_sa_more *more)
{
	return (int32_t)((uint32_t)esp_sa_lost(sa) - more->minute_lost);
}

struct tracker_counters {
	uint64_t frames, bytes;
	uint64_t ike_messages, esp_packets, ah_packets, keepalives, icmp_errors;
	uint64_t duplicates;		/* copies made by the mirror */
	uint64_t malformed, cut, unsupported, too_deep, not_ip, other;
	uint64_t fragments;
	uint64_t evicted_tunnels, evicted_ike_sas, evicted_child_sas, evicted_esp_sas;
	/* released because their tunnel had too many, not because the table was full */
	uint64_t crowded_ike_sas, crowded_child_sas, crowded_esp_sas;
	/* pairs of peers that leave no rows (history.strangers): nothing confirmed them */
	uint64_t quiet_tunnels;
	/* ESP packets of unknown SPIs that got no record, because there were too many */
	uint64_t strangers;
	nsec first, last;		/* NSEC_NONE before the first frame */
};

/* Since tracker_new(), or since the last tracker_counters_reset() (one capture of several). */
void tracker_counters(const struct tracker *t, struct tracker_counters *ret);
void tracker_counters_reset(struct tracker *t);

/* How full the tables are. */
enum tracker_table {
	TRACKER_TUNNELS, TRACKER_IKE_SAS, TRACKER_CHILD_SAS, TRACKER_ESP_SAS, TRACKER_TABLES,
};

struct tracker_fill {
	uint32_t used, most;
};
/* Entries in use and the most that fit, of each table now. */
void tracker_fill(const struct tracker *t, struct tracker_fill ret[TRACKER_TABLES]);

#endif
