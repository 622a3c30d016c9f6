/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames from interfaces as they come: libpcap over the kernel's ring, one
 * interface or several merged by time.  Never blocks: the caller polls the
 * descriptors and needs a timer of its own, because a silent interface wakes
 * nobody.  Refuses to know what the frames hold.
 */
#ifndef SAWATCH_LIVE_H
#define SAWATCH_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/link.h>

struct live;

enum {
	LIVE_INTERFACES_MAX = 16,
	LIVE_SNAP_LENGTH = 65535,	/* whole IKE messages */
	LIVE_BUFFER = 64 << 20,		/* 2 MiB, libpcap's own, lost 9 % where this lost none */
	/* frames of several interfaces wait this long for earlier ones */
	LIVE_MERGE_MS = 250,
	LIVE_FRAME_BYTES = 262144,	/* of one; libpcap gives no more */
	/* the kernel hands a frame over this late at most, on a quiet link */
	LIVE_LAG_MS = 200,
};

struct live_options {
	const char *const *interfaces;
	size_t n_interfaces;	/* 1 to LIVE_INTERFACES_MAX */
	const char *filter;	/* BPF, in the kernel; NULL takes everything */
	uint32_t snap_length;	/* 0: LIVE_SNAP_LENGTH */
	uint32_t buffer_bytes;	/* of each ring; 0: LIVE_BUFFER */
	/* of each interface, for threads of their own: live_ring_read(); 0: one, for live_take() */
	unsigned rings;
	bool no_promiscuous;
};

/*
 * Open them all.  On failure *ret is NULL and `e` names the interface, what is
 * wrong and the remedy: no such interface (and which there are), no permission,
 * down, bad filter, link type not supported.
 */
bool live_open(struct live **ret, const struct live_options *o, struct err *e);
/* What frames say in frame.capture from now on; 0 before. */
void live_set_capture(struct live *l, uint32_t capture);

/*
 * What to poll for POLLIN; an interface that is gone has -1 (poll() ignores it).  Returns how many.
 */
size_t live_descriptors(const struct live *l, int ret[LIVE_INTERFACES_MAX]);

/*
 * Hand over what has come, in batches; frames borrow for the call and are
 * numbered from 1 in the order of being handed over.  Returns whether nothing
 * is waiting any more, neither in the kernel nor for its turn.
 */
typedef void live_frames_fn(void *user, const struct frame *frames, size_t n);
bool live_take(struct live *l, live_frames_fn *frames, void *user);
/* The same at the end: frames that still wait for earlier ones are handed over now. */
void live_take_rest(struct live *l, live_frames_fn *frames, void *user);

/*
 * Instead: rings that are read each by a thread.  Of an interface's packets each is in one of them,
 * those between the same two addresses in the same, as far as the kernel sees addresses.  In the
 * order of the interfaces.
 */
size_t live_rings(const struct live *l);
int live_ring_descriptor(const struct live *l, size_t ring);	/* to poll for POLLIN */

struct live_room {
	struct frame *frames;
	size_t n, max;
	uint8_t *bytes;		/* of the frames, which point there; at least LIVE_FRAME_BYTES */
	size_t used, size;
};
/* What has come, without number and as much as there is room for.  False: nothing more for now. */
bool live_ring_read(struct live *l, size_t ring, struct live_room *room);
/* Is there something to read?  Not where the interface is gone. */
bool live_ring_waits(struct live *l, size_t ring);

/*
 * Once a second or so: did an interface go down or up, get another name, vanish or come back?
 * One that came back is bound again, which needs no privilege.  True while
 * there is news, one sentence a call; *ret_sees: it is about one that sees again.
 */
bool live_news(struct live *l, struct err *ret, bool *ret_sees);

/* Is there one that is up and there?  Otherwise silence says nothing. */
bool live_sees(struct live *l);

struct live_counters {
	uint64_t received;		/* passed the filter, those dropped later too */
	uint64_t dropped;		/* no room in the ring */
	uint64_t interface_dropped;	/* missed by the hardware (promiscuous only) */
};
/* Since live_open(), of all interfaces together. */
void live_counters(struct live *l, struct live_counters *ret);

/* LINKTYPE of an interface, by its place in the names given. */
uint16_t live_link_type(const struct live *l, size_t interface);
/* "span0", or "span0,span1"; until live_close(). */
const char *live_name(const struct live *l);
/* Accepts NULL. */
void live_close(struct live *l);

struct live_interface {
	char name[16];
	bool up, running, loopback;
};
/* The interfaces there are, "any" last; free() *ret.  False with the reason, *ret NULL. */
bool live_list(struct live_interface **ret, size_t *ret_n, struct err *e);

#endif
