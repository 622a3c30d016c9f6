/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the tracker share: its tables, and the functions by which they call each other.
 * Headers of their own have: child.h (child SAs), esp_sa.h (ESP and AH SAs), exchange.h, hygiene.h
 * (facts about the capture), ike.h (IKE SAs), path.h, pool.h (slots and hash indices), prepare.h
 * (frames parsed ahead), restraint.h (limits of the history), tunnel.h.  Private to src/track.
 *
 *   tracker.c      the tables, packet time, the end, the public questions
 *   prepare.c      frames parsed, without anything the tracker knows
 *   batch.c        prepared frames by the batch; the fast path of ESP
 *   arrival.c      one packet: is it ESP, IKE, ICMP?
 *   pool.c         slots of the tables, and hash indices over them
 *   tunnel.c       tunnels: slots, what is done when their timer is due
 *   tunnel_state.c is it up, and since when
 *   tunnel_unseen.c a tunnel of which nothing is known
 *   path.c         which tunnel two endpoints lead to
 *   esp_sa.c       ESP and AH packets: traffic by the minute, changes of address, ends
 *   esp_sequence.c their sequence numbers
 *   esp_birth.c    new ESP SAs, and which one makes room for them
 *   group.c        SAs of multicast groups
 *   child_sa.c     child SAs: slots, owners, creation
 *   child_end.c    their ends
 *   pairing.c      which child SA a new SPI belongs to
 *   chain.c        which child SA replaces which; chain_repair.c: what later packets correct
 *   delete.c       which SA a Delete meant
 *   settle.c       when all that is decided
 *   ike_sa.c       IKE SAs: their SPIs and states
 *   ike_rekey.c    which one replaces which
 *   ike_end.c      how they end
 *   ike_offer.c    what the clear messages say: offers, suite, NAT, vendors
 *   ike_ahead.c    memory that the IKE messages of a batch will need, fetched ahead
 *   ike2.c         which exchange an IKEv2 message belongs to; ike2_steps.c: what it means
 *   ike1.c         what IKEv1 messages mean; ike1_information.c: Deletes, probes, errors
 *   exchange.c     requests, answers, retransmissions
 *   timer.c        what is due when
 *   hygiene.c      duplicates, one-sided capture, capture loss, clock jumps
 *   event.c        events, to the detectors and into the history; event_text.c: their sentences
 *   restraint.c    how fast the history may grow
 *   snapshot.c     objects -> records; fill.c, flush.c: how full the tables are, what changed
 *   image.c        a tunnel and all that it has as bytes, and back; image_values.c: is it sane?
 *   resume.c       going on after a restart, and after a time without observation
 */
#ifndef SAWATCH_TRACK_TRACKER_H
#define SAWATCH_TRACK_TRACKER_H

#include <sawatch/esp.h>
#include <sawatch/track.h>
#include <sawatch/udp.h>

#include "track/child.h"
#include "track/esp_sa.h"
#include "track/exchange.h"
#include "track/hygiene.h"
#include "track/ike.h"
#include "track/path.h"
#include "track/pool.h"
#include "track/prepare.h"
#include "track/restraint.h"
#include "track/tunnel.h"

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

/* Where it comes from, and where it goes. */
static inline struct endpoint arrival_src(const struct arrival *a)
{
	return (struct endpoint){ a->packet->src, a->src_port };
}
static inline struct endpoint arrival_dst(const struct arrival *a)
{
	return (struct endpoint){ a->packet->dst, a->dst_port };
}

enum { BATCH = 32 };			/* frames that are handled together */

/* ---- parts of the tables --------------------------------------------------- */

enum {
	CAPTURES_MAX = 64,		/* captures whose objects are still numbered */
	CLIENT_HINTS = 1 << 14,
	PARKED = 64,
};

/*
 * What the initiator of an IKE SA offers is nearly always short and stands in `ike_few`, else in
 * `ike_many`.  There is address space for every IKE SA in both; a page takes memory when it is
 * used.
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

/*
 * A Delete of a child SA (IKEv2: np1 42 in request and answer; IKEv1: a message of that length) of
 * which is not yet known which SA it meant.
 */
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

/* …_USED: the slot holds an object.  …_DIRTY: it changed since the sink last had its record. */
enum {
	IKE_SA_USED = 1, IKE_SA_DIRTY = 2,
	IKE_SA_AUTH_TENTATIVE = 4,	/* IDr came: authenticated, or EAP begins */
	IKE_SA_ESTABLISHED_TOLD = 8,	/* the event was emitted */
	/* the initiator sent a notify right after the answer to IKE_AUTH */
	IKE_SA_INITIATOR_REFUSED = 16,
	/* deleted after a CREATE_CHILD_SA: that was an IKE rekey, whose new SA was not seen yet */
	IKE_SA_REKEYED_AWAY = 32,
	IKE_SA_INDEXED = 64,		/* reachable by its SPI pair */
	IKE_SA_QUIET = 256,		/* leaves no rows until it is established (restraint.c) */
	/* both sides rekeyed it at once, and one of its two successors proved redundant */
	IKE_SA_COLLISION_TOLD = 128,
};

enum { TUNNEL_USED = 1, TUNNEL_DIRTY = 2,
       TUNNEL_UNSETTLED = 4,	/* what some child SAs replaced is not decided yet (settle.c) */
       /* the event that this side is not captured was emitted */
       TUNNEL_ONE_SIDED_TOLD0 = 8, TUNNEL_ONE_SIDED_TOLD1 = 16,
       TUNNEL_ESP0 = 32, TUNNEL_ESP1 = 64,	/* an ESP SA of that direction was confirmed */
       TUNNEL_ESTABLISHED = 128,		/* an IKE SA was established */
       /* may not exist at all: leaves no rows until it is up (restraint.c) */
       TUNNEL_QUIET = 512,
       /* an event, an exchange or an alert of it was recorded */
       TUNNEL_HAS_ROWS = 2048,
       /* an IKE SA that began here is another tunnel's (ike_sa_join_tunnel()) */
       TUNNEL_LEFT = 4096,
       TUNNEL_CHILD_MADE = 8192,		/* an exchange made a child SA of it */
       /* it has a child SA with CHILD_SA_PAIRED_BY_ORDER */
       TUNNEL_PAIRED_BY_ORDER = 16384,
       /* SAs of it began, ended or were released since tracker_save() */
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
	struct tunnel_more *tunnel_more;	/* of each tunnel; used where tunnel.more says so */
	uint32_t (*peer_marks)[2];	/* of each tunnel: hashes of its peers' addresses */
	/* of each tunnel: no child SA that has ended, and has no IKE SA, ended later */
	nsec *unowned_ended;
	struct path *paths;
	struct ike_sa *ike_sas;
	/* of each IKE SA, what its responder asked; used where current[1] says so */
	struct exchange (*answerer_asked)[2];
	struct exchange nothing_asked;	/* for all whose responder asked nothing; stays empty */
	union ike_few *ike_few;		/* of each IKE SA */
	union ike_many *ike_many;	/* of each IKE SA */
	struct ike_vendor *ike_vendors;	/* TRACK_VENDORS_MAX of each IKE SA */
	struct child_sa *child_sas;
	struct child_sa_more *child_more;	/* of each; used where child_sa.more says so */
	struct esp_sa *esp_sas;		/* each begins a cache line within esp_memory */
	void *esp_memory;
	struct esp_sa_more *esp_more;	/* of each ESP SA */
	struct esp_ends *esp_wide;	/* of each ESP SA; used with ESP_SA_WIDE */
	struct esp_sa_rare *esp_rare;	/* slots of rare_pool: where esp_sa.rare says so */
	/* lossy: SPI -> latest ESP SA + 1, to recognise one that changes its addresses */
	uint32_t *esp_by_spi;		/* see esp_hint() */
	uint32_t esp_by_spi_mask;
	/* lossy: two addresses -> the tunnel of the only client behind a NAT, + 1 (path.c) */
	uint32_t *clients;

	/* open exchanges that are older than the two their IKE SA has room for (exchange.c) */
	struct exchange parked[PARKED];
	uint32_t n_parked, next_parked;

	struct timer *timers;
	uint32_t n_timers;
	uint32_t *timer_of_tunnel, *timer_of_ike_sa;	/* where in the heap, + 1; 0 nowhere */

	nsec now;			/* the latest packet time, never going back */
	/* the latest time without observation; NSEC_NONE: there was none */
	nsec watched_until, watched_since;
	nsec next_due;			/* of the earliest timer */
	/* no timer is due, and no clock jump to be noted, up to this time (batch.c) */
	nsec calm_until;
	uint64_t frame;			/* number of the running frame; 0: none */
	uint32_t capture;		/* capture of the running frame */

	/* the running message: kilobytes, not cleared for each */
	struct ike_message message;
	struct recent_message *recent;
	struct recent_message *at_work;	/* where the running message is remembered */
	struct recent_gap gaps[RECENT_GAPS];
	unsigned next_gap;
	/* slots of each table that tracker_flush_part() has given in this round */
	uint32_t flushed;
	nsec loss_until, loss_told;
	/* drops of the capturing system that have no row yet, and the time of the latest row */
	nsec drops_since, drops_told;
	uint64_t drops;
	/* an unexplained step forward of the clock; NSEC_NONE none */
	nsec jump_from, jump_to;
	/* tunnel whose traffic speaks for a jump; NO_INDEX none yet */
	uint32_t jump_witness;
	nsec jump_told;
	/* time of the latest frame, when it is from the far future; NSEC_NONE it is not */
	nsec doubted;
	/* budgets, see restraint.c */
	nsec purse_strangers, purse_answered, purse_tunnels, purse_young, purse_births;
	struct left_out left_out;	/* rows of tunnels that are quiet as a whole */
	/* PENDING_DELETES per tunnel; most tunnels never touch theirs */
	struct pending_delete *deletes;
	uint32_t unconfirmed;		/* ESP SAs without ESP_SA_CONFIRMED */
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

/* ---- tracker.c -------------------------------------------------------------- */

/* Packet time is `at` now: whatever was due before it is done first. */
void tracker_reach(struct tracker *t, nsec at);

/* The next number for an object of this kind in the running capture. */
object_id tracker_number(struct tracker *t, enum object_kind kind);

/* The later of two moments; NSEC_NONE is the earliest. */
static inline nsec nsec_later(nsec a, nsec b) { return a > b ? a : b; }

/*
 * When a table is full, of two objects worth the same the one with the smaller value is released:
 * that lived shorter, or has been silent for longer.  What a flood makes up has only just begun.
 */
static inline nsec tracker_missed(nsec first, nsec last) { return last + (last - first); }

/*
 * A time from a capture, limited to the years 1896 to 2116: then the difference of any two times
 * cannot overflow.
 */
static inline nsec tracker_bounded(nsec at)
{
	const nsec earliest = -(INT64_C(1) << 61), latest = INT64_C(1) << 62;

	return at < earliest ? earliest : at > latest ? latest : at;
}

/* The part of `sa` that is not needed for the usual packet. */
static inline struct esp_sa_more *esp_more(const struct tracker *t, const struct esp_sa *sa)
{
	return &t->esp_more[sa - t->esp_sas];
}

/* The addresses between which `sa` is. */
static inline struct esp_ends esp_ends(const struct tracker *t, const struct esp_sa *sa)
{
	return sa->flags & ESP_SA_WIDE
		       ? t->esp_wide[sa - t->esp_sas]
		       : (struct esp_ends){ addr_v4(sa->src4), addr_v4(sa->dst4) };
}

/* Is `sa` between these addresses?  For IPv6 the second cache line of `sa` is not read. */
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

/* The key of an SA in the index of ESP SAs. */
static inline uint32_t esp_hash(const struct tracker *t, const struct addr *src,
				const struct addr *dst, uint32_t spi, unsigned protocol,
				unsigned encap)
{
	return (uint32_t)sa_hash(&t->key, src, dst, spi, protocol, encap);
}

/* ---- arrival.c -------------------------------------------------------------- */

/* Take the IP packet `p` out of frame `f`.  `reassembled`: it came in IP fragments. */
void tracker_handle(struct tracker *t, const struct frame *f, const struct packet *p,
		    bool reassembled);

/* Count a packet that was cut or malformed; VERDICT_OK is not counted. */
void tracker_count_verdict(struct tracker *t, enum verdict v);

/*
 * Parse the ESP or AH header at `r`, of packet `p` in frame `f`.  False, and counted, when it is
 * cut or malformed.
 */
bool esp_arrival_of(struct tracker *t, const struct frame *f, const struct packet *p,
		    struct reader *r, enum esp_protocol protocol, enum encap encap,
		    uint16_t src_port, uint16_t dst_port, struct esp_arrival *ret);

/* ---- ike_ahead.c ------------------------------------------------------------ */

/* Prefetch what the IKE messages among frames `from` to `from` + `n` will need; n <= BATCH. */
void ike_ahead(const struct tracker *t, const struct prepared *b, size_t from, size_t n);

/* ---- timer.c ---------------------------------------------------------------- */

/* Call tunnel_due() or ike_sa_due() of this object at `at`, and no longer at an earlier choice. */
void tracker_schedule(struct tracker *t, enum timer_kind kind, uint32_t object, nsec at);

/* Call those that are due by `now`, in order of time. */
void timers_run(struct tracker *t, nsec now);

/* Give their memory back: nothing will be due, whatever is scheduled. */
void timers_free(struct tracker *t);

/* ---- resume.c --------------------------------------------------------------- */

/* For how long an SA that ended like this is remembered. */
nsec resume_keep(const struct tracker *t, enum end_reason why);

/*
 * After a time without observation: end the SAs of a tunnel that have been silent since before it,
 * if younger ones carry the traffic now.
 */
void resume_judge(struct tracker *t, uint32_t tunnel, nsec now);

/* ---- event.c ---------------------------------------------------------------- */

/* An event with nothing but kind, time, tunnel (NO_INDEX: about the capture) and running frame. */
struct event event_of(const struct tracker *t, enum event_kind kind, nsec at, uint32_t tunnel);

/* Give it to the detectors and, if it belongs there and may have a row, to the history. */
void event_emit(struct tracker *t, const struct event *ev);

/* Give it to the history only. */
void event_write(struct tracker *t, const struct event *ev);

/*
 * Does anybody want the rows of this tunnel's exchanges and events?  With tracker_without_details()
 * only the first one is wanted, as proof that there was one.
 */
bool event_is_told(struct tracker *t, uint32_t tunnel);
/* Without details: there was an event or an exchange of it. */
void event_tell_heard(const struct tracker *t, uint32_t tunnel);

/* An event, an exchange or an alert of it has a row: so the tunnel must have one, too. */
void tunnel_has_rows(struct tracker *t, uint32_t tunnel);

/* ---- event_text.c ----------------------------------------------------------- */

struct text;

/* Is there a sentence for this kind, as there must be for all that the history keeps? */
bool event_has_sentence(enum event_kind k);

/* Add the sentence of the event to `to`. */
void event_say(struct text *to, const struct tracker *t, const struct event *ev);

/* ---- snapshot.c: give the object's record to the sink; it is not dirty any more ------------- */

void snapshot_tunnel(struct tracker *t, uint32_t tunnel);
void snapshot_ike_sa(struct tracker *t, uint32_t ike_sa);
void snapshot_child_sa(struct tracker *t, uint32_t child);
void snapshot_esp_sa(struct tracker *t, uint32_t esp);
/* It ended; without details it is told when nothing more can come of it. */
void snapshot_ended_ike_sa(struct tracker *t, uint32_t ike_sa);
void snapshot_ended_child_sa(struct tracker *t, uint32_t child);
void snapshot_ended_esp_sa(struct tracker *t, uint32_t esp);
void snapshot_exchange(struct tracker *t, struct exchange *x);

#endif
