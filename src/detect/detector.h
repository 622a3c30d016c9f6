/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a detector is made of, and what it may use.  A detector observes the events that it asked
 * for, and judges: it says which findings are true now.  It never opens or closes an alert (that is
 * done in alerts.c), knows no other detector, and remembers nothing but its state: a structure per
 * tunnel that begins as zeros.  The state may be large: it is stored packed (states.h).
 */
#ifndef SAWATCH_DETECT_DETECTOR_H
#define SAWATCH_DETECT_DETECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/expected.h>
#include <sawatch/fields.h>
#include <sawatch/record.h>
#include <sawatch/settings.h>
#include <sawatch/text.h>
#include <sawatch/track.h>

#include "detect/remedy.h"

/* What a detector may look at besides its state and the event. */
struct scene {
	const struct tracker *tracker;
	const struct settings *settings;	/* of this tunnel */
	const struct tunnel *tunnel;	/* NULL when the condition is about the capture */
	/* of the tunnel; NO_INDEX: of none, or it is expected and was not seen */
	uint32_t index;
	const struct expected_tunnel *expected;	/* its line of the inventory; NULL: not expected */
	nsec expected_since;		/* so, since then; NSEC_NONE: from the beginning */
	nsec loss_last;			/* latest capture loss of the capture; NSEC_NONE never */
	nsec jump_last;			/* latest step of its clock; NSEC_NONE never */
	/* recent traffic and loss of all tunnels, this one included */
	const struct others *others;
	bool finishing;			/* nothing more comes: there is nothing to wait for */
};

enum { FINDING_EVIDENCE_MAX = 20, FINDING_TEXT_MAX = 128, FINDINGS_MAX = 8 };

struct finding_item {
	const char *name;		/* static */
	enum { ITEM_INTEGER, ITEM_REAL, ITEM_TEXT } type;
	union {
		int64_t integer;
		double real;
		char text[FINDING_TEXT_MAX];
	};
};

/* One thing that is true now. */
struct finding {
	/* tells findings of one detector and tunnel apart; mostly 0 */
	uint64_t key;
	enum severity severity;
	enum confidence confidence;
	const char *cause;		/* sub-kind, static; NULL none */
	int8_t side;			/* whose side to look at; SIDE_UNKNOWN */
	nsec first, last;		/* of the evidence */
	/*
	 * When the tunnel last worked: a set-up that failed before that is not the cause.
	 * NSEC_NONE: not known.  Not kept across a restart.
	 */
	nsec well;
	int64_t count;
	/* earlier findings were wrong: this one replaces them, even if it says less */
	bool instead;
	bool over;			/* see finding_over() */
	uint8_t n_items, n_frames;
	struct finding_item items[FINDING_EVIDENCE_MAX];
	uint64_t frames[RECORD_FRAMES_MAX];
};

struct findings {
	size_t n;
	struct finding finding[FINDINGS_MAX];
};

/* Do both have the same evidence and frames? */
bool finding_same_evidence(const struct finding *a, const struct finding *b);

/* A new finding to fill in; confidence and severity as given, side unknown.  Never NULL. */
struct finding *finding_raise(struct findings *out, enum severity severity,
			      enum confidence confidence, nsec first, nsec last, int64_t count);
/*
 * The finding with this key is disproved: its alert, if there is one, clears now instead of after
 * some time without evidence.
 */
void finding_over(struct findings *out, uint64_t key);

/* Evidence; names are static, lower case, with the unit in them.  What does not fit is dropped. */
void finding_integer(struct finding *f, const char *name, int64_t value);
void finding_real(struct finding *f, const char *name, double value);
void finding_seconds(struct finding *f, const char *name, nsec span);
void finding_text(struct finding *f, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void finding_address(struct finding *f, const char *name, const struct scene *sc, int side);

/* A frame that proves it; 0 and known ones are ignored, the first and the latest are kept. */
void finding_frame(struct finding *f, uint64_t frame);

/* Read back, for explain: 0 or "" when there is no such item. */
const struct finding_item *finding_item(const struct finding *f, const char *name);
int64_t finding_get(const struct finding *f, const char *name);
double finding_get_real(const struct finding *f, const char *name);
const char *finding_get_text(const struct finding *f, const char *name);
/* An item in seconds, as nanoseconds; at most 218 years, so that differences do not overflow. */
nsec finding_get_span(const struct finding *f, const char *name);
/* The cause; "" when there is none */
const char *finding_cause(const struct finding *f);

/* One step less confident. */
enum confidence less(enum confidence c);

/* ---- explanation ---------------------------------------------------------- */

struct story {
	const struct finding *finding;
	bool over;			/* the alert has cleared */
	const char *caused_by;		/* code of the alert that explains it; NULL none */
	const char *peer[2];		/* text of the tunnel's peers; "" for the capture */
	struct text *summary;		/* one sentence, with the numbers in it */
	enum remedy remedies[REMEDIES_PER_ALERT];	/* what to do, best first */
	size_t n_remedies;
};

/* "192.0.2.1", or "one peer" when the side is not known. */
const char *story_peer(const struct story *s, int side);
static inline int other_side(int side)
{
	return side < 0 ? SIDE_UNKNOWN : !side;
}
void story_remedy(struct story *s, enum remedy r);
/* Does an alert of this code explain it? */
bool story_caused_by(const struct story *s, const char *code);

/* ---- the detector --------------------------------------------------------- */

enum scope { SCOPE_TUNNEL, SCOPE_CAPTURE };

#define WANTS(kind) (UINT64_C(1) << EVENT_##kind)

struct detector {
	const char *code;
	enum scope scope;
	/* about security, not health: does not degrade the tunnel's state */
	bool posture;
	/* the alert shows the present evidence, even if there was more before */
	bool of_now;
	/* judges expected tunnels only, also those that were not seen */
	bool of_expected;
	/* a finding of low confidence may be a warning; of other detectors it is info */
	bool warns_unsure;
	size_t state_size;
	/*
	 * every value of the state, which is kept across a restart; NULL: of the capture, not kept
	 */
	fields_walk *fields;
	/* offsetof(struct settings, …): an alert clears after twice this long of quiet */
	size_t window;
	bool one_window;		/* after this long, not twice this long */
	uint64_t observes;		/* WANTS(…) | … */
	/* events after which judge runs at once; ticks always count */
	uint64_t judges_after;
	void (*observe)(void *state, const struct scene *sc, const struct event *ev);
	/*
	 * True: observing this event would change nothing in the state.  NULL: it may.  This is
	 * for speed: most events change nothing, and then the state need not be packed again.
	 * tests/detect/shortcuts.h checks it for every detector, and what follows, too.
	 */
	bool (*ignores)(const void *state, const struct scene *sc, const struct event *ev);
	/* Of these events ignores() says so without the state, which is NULL then. */
	uint64_t ignores_unseen;	/* WANTS(…) | … */
	/*
	 * Nothing is changed by these in a state that is as if nothing had been observed, and
	 * judge() finds nothing in it: most tunnels never have what a detector looks for.
	 */
	uint64_t ignores_fresh;		/* WANTS(…) | … */
	bool rests_fresh;
	/* True: judge() would find nothing and change nothing in the state.  NULL: it may. */
	bool (*rests)(const void *state, const struct scene *sc);
	bool keeps_looking;		/* judge() is called at each tick, however long it rests */
	bool only_looks;		/* judge() never changes the state */
	bool (*looks)(const void *state);	/* … not this state; NULL: it may */
	/*
	 * What is true now.  Returns false when nothing can become true
	 * without another observed event, so that it need not be asked again.
	 */
	bool (*judge)(void *state, const struct scene *sc, nsec now, struct findings *out);
	/*
	 * The clock was set back to `now`: forget ages and spans, and keep no time after `now`.
	 * NULL: the whole state is forgotten.
	 */
	void (*set_back)(void *state, nsec now);
	void (*reset)(void *state);	/* after zeroing; NULL when zeros are right */
	void (*explain)(struct story *s);
};

/* In the catalogue's order (DESIGN 6). */
extern const struct detector *const detectors[];
size_t detectors_count(void);

/* ---- what the tunnel has --------------------------------------------------- */

enum { LATEST_SAS = 64 };	/* of each kind, of a tunnel: older ones are not looked at */

/* The IKE SA with this identity, if it is one of the tunnel's latest; else NULL. */
const struct ike_sa *ike_sa_of(const struct scene *sc, object_id id);

/* ---- hygiene (DETECTION-FACTS 3.1, 4.9) ----------------------------------- */

/* True: what this side sends is not captured, so that its silence proves nothing. */
bool side_unseen(const struct scene *sc, int side);
/* Does it live?  The end of the capture is no end of an SA. */
static inline bool lives(enum end_reason r)
{
	return r == END_NONE || r == END_CAPTURE_END;
}
/*
 * The capture lacks some of the IKE messages of a side that it sees, which its peer got: Deletes
 * may be among them, or what those that it has were for.
 */
bool messages_missed(const struct scene *sc);
/* Did the capture lose packets at or after this moment? */
bool loss_since(const struct scene *sc, nsec from);
/* Did the capture's clock jump at or after this moment, so that ages across it are void? */
bool clock_stepped_since(const struct scene *sc, nsec from);
/* Does the mirror deliver packets of this tunnel twice? */
bool mirror_doubles(const struct scene *sc);

#endif
