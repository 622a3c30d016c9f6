/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the tracker share: its tables and the functions by which
 * they call each other; those about IKE SAs are in ike.h, those about child SAs
 * in child.h, those about paths in path.h.  Private to src/track.
 *
 *   tracker.c   time, the end, the public questions, the tables
 *   arrival.c   packets -> ESP, IKE, ICMP
 *   prepare.c   frames parsed, without anything the tracker knows
 *   batch.c     prepared frames, by the batch: SAs fetched ahead; the fast path of ESP
 *   ike_ahead.c what the IKE messages of a batch will ask for, fetched ahead
 *   pool.c      fixed pools of objects, their hash indices, eviction
 *   tunnel.c    pairs of peers, as places in a table
 *   path.c      which packets are a tunnel's
 *   tunnel_state.c is it up, and since when
 *   esp_sa.c    ESP and AH packets: minutes, moves, ends
 *   esp_sequence.c their sequence numbers
 *   esp_birth.c new ESP SAs, and who makes room for them
 *   child_sa.c  pairs of ESP SAs: births
 *   child_end.c and ends
 *   pairing.c   new SPIs join the child SA they belong to
 *   chain.c     which child SA replaces which; chain_repair.c: what later packets correct
 *   delete.c    what a Delete meant
 *   settle.c    when that is decided
 *   ike_sa.c    IKE SAs: their SPIs, their states
 *   ike_rekey.c which replaces which
 *   ike_end.c   how they end
 *   ike_offer.c what a set-up says in clear: offers, suite, NAT, vendors
 *   timer.c     what becomes due when
 *   exchange.c  requests, answers, copies
 *   ike2.c      which exchange an IKEv2 message is; ike2_steps.c: what it does
 *   ike1.c      what IKEv1 messages mean; ike1_information.c: those that go one way
 *   hygiene.c   copies by the mirror, one-sided capture, capture loss, clock
 *   event.c     events, to the detectors and into the history
 *   event_text.c the sentences that the history keeps
 *   restraint.c how fast the history may grow
 *   snapshot.c  objects -> records
 *   image.c     a tunnel and all its objects as bytes, and back
 *   resume.c    going on after a restart, and after a time that nobody watched
 */
#ifndef SAWATCH_TRACK_TRACKER_H
#define SAWATCH_TRACK_TRACKER_H

#include <sawatch/esp.h>
#include <sawatch/track.h>
#include <sawatch/udp.h>

#include "track/child.h"
#include "track/ike.h"
#include "track/path.h"
#include "track/pool.h"
#include "track/prepare.h"

/* ---- timers: a heap of moments -------------------------------------------- */

/*
 * Of a parent, in a row: a level costs a cache miss for each entry that moves, and there are half
 * as many as of two.
 */
enum { TIMER_CHILDREN = 4 };

enum timer_kind { TIMER_TUNNEL, TIMER_IKE_SA };

struct timer {
	nsec at;
	uint32_t object;
	uint8_t kind;
};

/* ---- one message or packet on its way through the tracker ----------------- */

struct arrival {
	const struct frame *frame;
	const struct packet *packet;
	nsec at;
	uint16_t src_port, dst_port;
	enum encap encap;
	bool ip_fragments;		/* came out of reassembly */
	uint32_t tunnel;		/* index, when known */
	int8_t side;			/* sender's */
};

static inline struct endpoint arrival_src(const struct arrival *a)
{
	return (struct endpoint){ a->packet->src, a->src_port };
}
static inline struct endpoint arrival_dst(const struct arrival *a)
{
	return (struct endpoint){ a->packet->dst, a->dst_port };
}

/*
 * One ESP or AH packet.  What a prepared frame has comes in its order, so that it is copied at
 * once.
 */
struct esp_arrival {
	struct addr src, dst;
	nsec at;
	uint32_t hash;
	uint32_t spi, seq;
	uint16_t src_port, dst_port;
	uint8_t protocol, encap;
	uint32_t bytes;
	uint32_t network;
	const struct frame *frame;
};

enum { BATCH = 32 };

/* ---- hygiene -------------------------------------------------------------- */

enum {
	RECENT_MESSAGES = 4096, RECENT_GAPS = 16, CAPTURES_MAX = 64,
	CLIENT_HINTS = 1 << 14, PARKED = 64,
};

struct recent_message {
	uint64_t hash;
	nsec at;
	struct endpoint src, dst;
	/* NO_INDEX not known; valid while that tunnel has this id */
	uint32_t tunnel;
	object_id tunnel_id;
	uint32_t ip_id;			/* 0: none */
	int8_t side;
};

struct recent_gap {
	nsec at;
	uint32_t esp_sa, tunnel;
	uint64_t frame;
};

/*
 * What a set-up offers, of an IKE SA: in `few` when it has room there, as nearly always, else in
 * `many`.  Memory for all is reserved and only what is touched is taken, by the page.
 */
enum { FEW_TRANSFORMS = 8 };

union ike_few {
	struct ike1_offer offers1[1];
	struct ike2_transform transforms[FEW_TRANSFORMS];
};

union ike_many {
	struct ike1_offer offers1[TRACK_OFFERS_MAX];
	struct ike2_transform transforms[TRACK_TRANSFORMS_MAX];
};

enum { PENDING_DELETES = 16 };

/* A child delete (IKEv2 42/42, IKEv1 of that size) whose SA is not yet known. */
struct pending_delete {
	nsec at;			/* NSEC_NONE: free */
	uint64_t frame;			/* it came in; 0 not known */
	uint32_t tunnel, ike_sa;
	int8_t by;
	bool answered;
};

enum object_kind { OBJECT_TUNNEL, OBJECT_IKE_SA, OBJECT_CHILD_SA, OBJECT_ESP_SA, OBJECT_EXCHANGE,
		   OBJECT_EVENT, OBJECT_KINDS };

struct capture_numbers {
	uint32_t capture;
	uint32_t next[OBJECT_KINDS];
};

/* ---- flags private to the tracker ----------------------------------------- */

enum {
	IKE_SA_USED = 1, IKE_SA_DIRTY = 2,
	IKE_SA_AUTH_TENTATIVE = 4,	/* IDr came: authenticated, or EAP begins */
	IKE_SA_ESTABLISHED_TOLD = 8,
	/* the initiator sent a notify right after the answer to IKE_AUTH */
	IKE_SA_INITIATOR_REFUSED = 16,
	/* deleted after a CREATE_CHILD_SA: an IKE rekey whose new SA is not seen yet */
	IKE_SA_REKEYED_AWAY = 32,
	IKE_SA_INDEXED = 64,		/* reachable by its SPI pair */
	IKE_SA_QUIET = 256,		/* leaves no rows until it is established (restraint.c) */
	/* both sides rekeyed it at once, and one of its two successors proved redundant */
	IKE_SA_COLLISION_TOLD = 128,
};

enum { TUNNEL_USED = 1, TUNNEL_DIRTY = 2, TUNNEL_UNSETTLED = 4, TUNNEL_ONE_SIDED_TOLD0 = 8,
       TUNNEL_ONE_SIDED_TOLD1 = 16,
       TUNNEL_ESP0 = 32, TUNNEL_ESP1 = 64,	/* an ESP SA of that direction was confirmed */
       TUNNEL_ESTABLISHED = 128,		/* an IKE SA was */
       /* a stranger's: leaves no rows until it is up (restraint.c) */
       TUNNEL_QUIET = 512,
       /* an event or an exchange of it was (event_is_told()) */
       TUNNEL_TOLD = 1024,
       /* an event, an exchange or an alert of it was recorded */
       TUNNEL_HAS_ROWS = 2048,
       /* an IKE SA that began here is another tunnel's (ike_sa_join_tunnel()) */
       TUNNEL_LEFT = 4096,
       /* an exchange made a child SA of it; and to one that waited an SPI came by order alone */
       TUNNEL_CHILD_MADE = 8192, TUNNEL_PAIRED_BY_ORDER = 16384,
       /* SAs of it began, ended or went since tracker_save() */
       TUNNEL_UNSAVED = 256 };

struct tracker {
	const struct settings *settings;
	struct hash_key key;
	struct tracker_handler handler;

	struct pool tunnel_pool, path_pool, ike_pool, child_pool, esp_pool, rare_pool;
	struct index path_index, esp_index;
	/* IKE SAs by both SPIs; by tunnel and the initiator's */
	struct index ike_index, initiator_index;
	struct tunnel *tunnels;
	struct tunnel_more *tunnel_more;	/* of each tunnel that has something to say */
	uint32_t (*peer_marks)[2];	/* of each tunnel: hashes of its peers' addresses */
	struct path *paths;
	struct ike_sa *ike_sas;
	union ike_few *ike_few;		/* of each IKE SA; */
	union ike_many *ike_many;
	struct ike_vendor *ike_vendors;	/* and TRACK_VENDORS_MAX of each */
	struct child_sa *child_sas;
	struct child_sa_more *child_more;	/* of each that has something to say */
	struct esp_sa *esp_sas;		/* each begins a cache line; in: */
	void *esp_memory;
	struct esp_sa_more *esp_more;	/* of each ESP SA; and of each that is ESP_SA_WIDE: */
	struct esp_ends *esp_wide;
	struct esp_sa_rare *esp_rare;	/* of those that have something to say */
	uint32_t *esp_by_spi;		/* lossy hint: SPI -> latest ESP SA, for moves */
	uint32_t esp_by_spi_mask;

	/*
	 * lossy hint: two addresses -> the tunnel that is told from others by a NAT's port
	 * (path.c)
	 */
	uint32_t *clients;

	/* asked before the latest two of their side, and still open (exchange.c) */
	struct exchange parked[PARKED];
	uint32_t n_parked, next_parked;

	struct timer *timers;
	uint32_t n_timers;
	uint32_t *timer_of_tunnel, *timer_of_ike_sa;	/* where in the heap, + 1; 0 nowhere */

	nsec now;			/* the latest packet time, never going back */
	/* nobody watched between these moments; NSEC_NONE */
	nsec watched_until, watched_since;
	nsec next_due;			/* of the earliest timer */
	/* a frame between `now` and then asks nothing of time; see batch.c */
	nsec calm_until;
	uint64_t frame;			/* number of the frame at work */
	uint32_t capture;		/* capture of the frame at work */

	/* the message at work: kilobytes, which nobody need clear for each */
	struct ike_message message;
	struct recent_message *recent;
	struct recent_message *at_work;	/* the message at work is remembered there */
	struct recent_gap gaps[RECENT_GAPS];
	unsigned next_gap;
	/* slots of each table that tracker_flush_part() has given in this round */
	uint32_t flushed;
	nsec loss_until, loss_told;
	/* what the capturer dropped and the history does not have yet; its latest row */
	nsec drops_since, drops_told;
	uint64_t drops;
	/* an unexplained step forward of the clock; NSEC_NONE none */
	nsec jump_from, jump_to;
	/* tunnel whose traffic speaks for a jump; NO_INDEX none yet */
	uint32_t jump_witness;
	nsec jump_told;
	/* time of the latest frame, when it is from the far future; NSEC_NONE it is not */
	nsec doubted;
	/* see restraint.c */
	nsec purse_strangers, purse_answered, purse_tunnels, purse_young, purse_births;
	struct left_out left_out;	/* of strangers */
	/* PENDING_DELETES per tunnel; most tunnels never touch theirs */
	struct pending_delete *deletes;
	uint32_t unconfirmed;		/* ESP SAs that only a packet or two speak for */
	uint32_t *strangers;		/* sightings of SPIs without a record (esp_birth.c) */
	uint32_t strangers_mask;
	uint8_t learned_ports[65536 / 8];	/* UDP ports on which marked IKE was seen */
	bool any_learned;
	bool finishing;
	bool without_details;

	struct capture_numbers numbers[CAPTURES_MAX];
	unsigned n_numbers;
	struct tracker_counters counters;
};

/* tracker.c */
void tracker_reach(struct tracker *t, nsec at);		/* packet time is `at` */
void tracker_count_verdict(struct tracker *t, enum verdict v);
void tracker_handle(struct tracker *t, const struct frame *f, const struct packet *p,
		    bool reassembled);
bool esp_arrival_of(struct tracker *t, const struct frame *f, const struct packet *p,
		    struct reader *r, enum esp_protocol protocol, enum encap encap,
		    uint16_t src_port, uint16_t dst_port, struct esp_arrival *ret);
object_id tracker_number(struct tracker *t, enum object_kind kind);
void tracker_schedule(struct tracker *t, enum timer_kind kind, uint32_t object, nsec at);
/* NSEC_NONE is the earliest */
static inline nsec nsec_later(nsec a, nsec b) { return a > b ? a : b; }

/*
 * Of two that are worth as much the one with the smaller number is given up
 * first: how long it has lived, less how long it has been silent.  Whoever
 * fills a table with what he made up has only just begun.
 */
static inline nsec tracker_missed(nsec first, nsec last) { return last + (last - first); }

/*
 * Between 1896 and 2116: nobody captured outside of that, and the difference of
 * any two such moments is a number.
 */
static inline nsec tracker_bounded(nsec at)
{
	const nsec earliest = -(INT64_C(1) << 61), latest = INT64_C(1) << 62;

	return at < earliest ? earliest : at > latest ? latest : at;
}

static inline struct esp_sa_more *esp_more(const struct tracker *t, const struct esp_sa *sa)
{
	return &t->esp_more[sa - t->esp_sas];
}

static inline struct esp_ends esp_ends(const struct tracker *t, const struct esp_sa *sa)
{
	return sa->flags & ESP_SA_WIDE
		       ? t->esp_wide[sa - t->esp_sas]
		       : (struct esp_ends){ addr_v4(sa->src4), addr_v4(sa->dst4) };
}

/* Is it between these?  IPv6 does not look at the second cache line. */
static inline bool esp_is_between(const struct tracker *t, const struct esp_sa *sa,
				  const struct addr *src, const struct addr *dst)
{
	if (!(sa->flags & ESP_SA_WIDE))
		return (src->low ^ sa->src4) == ADDR_V4_PREFIX &&
		       (dst->low ^ sa->dst4) == ADDR_V4_PREFIX && (src->high | dst->high) == 0;

	const struct esp_ends *wide = &t->esp_wide[sa - t->esp_sas];

	/* one branch: nearly always all of it is equal */
	return ((wide->src.high ^ src->high) | (wide->src.low ^ src->low) |
		(wide->dst.high ^ dst->high) | (wide->dst.low ^ dst->low)) == 0;
}

static inline uint32_t esp_hash(const struct tracker *t, const struct addr *src,
				const struct addr *dst, uint32_t spi, unsigned protocol,
				unsigned encap)
{
	return (uint32_t)sa_hash(&t->key, src, dst, spi, protocol, encap);
}

/* ike_ahead.c */
void ike_ahead(const struct tracker *t, const struct prepared *b, size_t from, size_t n);

/* tunnel.c */
uint32_t tunnel_see(struct tracker *t, struct endpoint src, struct endpoint dst, uint32_t network,
		    int8_t *ret_side);
void tunnel_due(struct tracker *t, uint32_t tunnel, nsec now);
void tunnel_wake(struct tracker *t, uint32_t tunnel, nsec at);	/* judge it at `at` or before */
void tunnel_release(struct tracker *t, uint32_t tunnel);
struct tunnel_more *tunnel_more(struct tracker *t, struct tunnel *w);	/* to write to */
void tunnel_seen_at(struct tracker *t, struct tunnel *w, int side, struct endpoint now);
/* Its peers are known: tracker_tunnel_of_peer() finds it. */
void tunnel_mark_peers(struct tracker *t, uint32_t tunnel);

/* tunnel_state.c */
void tunnel_judge(struct tracker *t, uint32_t tunnel, nsec at);
/* `ike_sa` was set up now beside what there was: is it only now that the tunnel works? */
void tunnel_begin_anew(struct tracker *t, uint32_t ike_sa);
void tunnel_was_down(struct tracker *t, uint32_t ike_sa);

/* esp_sa.c */
uint32_t esp_find(const struct tracker *t, const struct esp_arrival *a);
void esp_set_ends(struct tracker *t, struct esp_sa *sa, struct esp_ends ends);
struct esp_sa_rare *esp_rare(struct tracker *t, struct esp_sa *sa);	/* to write to */
void esp_packet(struct tracker *t, const struct esp_arrival *a);
void esp_emit(struct tracker *t, enum event_kind kind, const struct esp_sa *sa,
	      const struct esp_arrival *a, int64_t value);
void esp_confirm(struct tracker *t, struct esp_sa *sa);
void esp_end(struct tracker *t, uint32_t esp, nsec at, enum end_reason why, int by,
	     enum grade grade);
void esp_release(struct tracker *t, uint32_t esp);
void esp_index_add(struct tracker *t, uint32_t esp);
#define ESP_MINUTE (60 * NSEC_PER_S)	/* by which traffic is told */
nsec esp_minute_end(nsec at);	/* of the minute that holds it */
void esp_close_minute(struct tracker *t, struct esp_sa *sa, nsec at);

enum {
	ESP_WINDOW_BITS = 64,		/* sequence numbers that are told apart (RFC 4303 3.4.3) */
	ESP_CONFIRMING_PACKETS = 3,	/* so many are no stray */
	/* strays of one tunnel from which on nothing less joins a child SA */
	ESP_SPRAYED = 24,
	ESP_MOVE_AHEAD = 1024,		/* a step ahead that may come with another address */
	/* SAs of one direction that are looked at for births and ends */
	ESP_DIRECTION_LIVE_MAX = 512,
};

/* esp_sequence.c */
/* Counts its sequence number, so far ahead of the highest; false when the packet was a copy. */
bool esp_sequence(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
		  uint32_t ahead);
/* The first packet after a time that nobody watched: how far ahead it is of what came unseen. */
uint32_t esp_sequence_goes_on(struct tracker *t, struct esp_sa *sa, const struct esp_arrival *a,
			      uint32_t ahead);

/* esp_birth.c */
bool esp_may_be_born(struct tracker *t, const struct esp_arrival *a);
void esp_birth(struct tracker *t, const struct esp_arrival *a, uint32_t generation);

/*
 * group.c: does the SA count for a group, whose numbers tell of no loss?  Asked when it is born,
 * before its SPI is noted, and when numbers are missing.
 */
bool group_has(struct tracker *t, struct esp_sa *sa);

/* timer.c: see also tracker_schedule() */
void timers_run(struct tracker *t, nsec now);

/* hygiene.c */
bool hygiene_is_copy(struct tracker *t, const struct arrival *a, const struct ike_message *m,
		     uint64_t hash);
void hygiene_remember_tunnel(struct tracker *t, uint64_t hash, uint32_t tunnel, int8_t side);
void hygiene_heard(struct tracker *t, uint32_t tunnel, int side);
void hygiene_unseen(struct tracker *t, uint32_t tunnel, int side, nsec at);
void hygiene_seen_after_all(struct tracker *t, uint32_t tunnel, int side);
void hygiene_judge_unseen(struct tracker *t, uint32_t tunnel, int side, nsec now);
void hygiene_gap(struct tracker *t, uint32_t esp, nsec at);
void hygiene_dropped(struct tracker *t, nsec from, nsec to, uint64_t n);
bool hygiene_believes(struct tracker *t, nsec at);
void hygiene_clock(struct tracker *t, nsec at);
void hygiene_esp_pause(struct tracker *t, const struct esp_sa *sa, nsec at, uint32_t advance);
void hygiene_judge_mirror(struct tracker *t, uint32_t tunnel, nsec now);

/* resume.c */
nsec resume_keep(const struct tracker *t, enum end_reason why);
void resume_judge(struct tracker *t, uint32_t tunnel, nsec now);

/* event.c */
/* is there use for a row of this tunnel's exchanges and events? */
bool event_is_told(struct tracker *t, uint32_t tunnel);
/* Something of it is recorded: so is the tunnel. */
void tunnel_has_rows(struct tracker *t, uint32_t tunnel);
struct event event_of(const struct tracker *t, enum event_kind kind, nsec at, uint32_t tunnel);
void event_emit(struct tracker *t, const struct event *ev);
void event_write(struct tracker *t, const struct event *ev);	/* into the history only */

/* event_text.c */
struct text;
bool event_has_sentence(enum event_kind k);	/* as every kind that is history */
void event_say(struct text *to, const struct tracker *t, const struct event *ev);

/* restraint.c */
/* no vendor's lifetime can be set below (DETECTION-FACTS 2.1) */
#define RESTRAINT_YOUNG (120 * NSEC_PER_S)
bool restraint_admits_stranger(struct tracker *t);
bool restraint_affords_birth(const struct tracker *t);
void restraint_pays_birth(struct tracker *t);
bool restraint_admits(struct tracker *t, uint32_t tunnel, bool confirmed);
bool restraint_admits_esp_sa(struct tracker *t, const struct esp_sa *sa);
bool restraint_admits_event(struct tracker *t, const struct event *ev);
bool restraint_confirms(struct tracker *t, uint32_t tunnel);
void restraint_confirm_ike_sa(struct tracker *t, uint32_t ike_sa);
void restraint_confirm_child_sa(struct tracker *t, uint32_t child);
void restraint_confirm_esp_sa(struct tracker *t, uint32_t esp);
void restraint_ike_sa_answered(struct tracker *t, uint32_t ike_sa);
void restraint_tunnel_up(struct tracker *t, uint32_t tunnel);
void restraint_reconsider(struct tracker *t, uint32_t tunnel);
void restraint_tell(struct tracker *t, uint32_t tunnel, nsec now, bool last_call);
void restraint_tell_strangers(struct tracker *t, nsec now, bool last_call);

/* snapshot.c */
void snapshot_tunnel(struct tracker *t, uint32_t tunnel);
void snapshot_ike_sa(struct tracker *t, uint32_t ike_sa);
void snapshot_child_sa(struct tracker *t, uint32_t child);
void snapshot_esp_sa(struct tracker *t, uint32_t esp);
void snapshot_exchange(struct tracker *t, struct exchange *x);

#endif
