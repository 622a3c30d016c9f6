/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What detect.c and resume.c share; nothing here is for detectors. */
#ifndef SAWATCH_DETECT_SLOTS_H
#define SAWATCH_DETECT_SLOTS_H

#include <sawatch/detect.h>

#include "detect/alerts.h"
#include "detect/detector.h"
#include "detect/inventory.h"
#include "detect/others.h"
#include "detect/states.h"

enum { DETECTORS_MAX = 64 };

_Static_assert(EVENT_KINDS <= 64, "a set of event kinds is one word");

struct slot {
	object_id tunnel;	/* whose states these are; 0 nobody's */
	uint64_t awake;		/* detectors that a tick asks */
	uint32_t alerts;	/* list */
	uint32_t n_alerts;	/* ever */
	uint32_t place;		/* in the inventory, from 1; 0 not expected */
	bool unsaved;		/* alerts of it were opened or closed since detect_save() */
};

struct detect {
	const struct settings *settings;
	const struct record_sink *sink;
	struct alerts *alerts;
	struct inventory inventory;
	size_t n;			/* detectors */
	struct states *states;
	struct slot *slots;
	uint32_t n_tunnels, capture_slot;
	/* slots of expected tunnels: twice, for this inventory and the next */
	uint32_t inventory_room;
	uint64_t observers[EVENT_KINDS], judges[EVENT_KINDS];	/* bit n: detectors[n] */
	uint64_t ignore_fresh[EVENT_KINDS], rest_fresh;
	uint64_t capture_scope, of_expected;
	nsec next_capture_judgement;
	nsec loss_last, jump_last;
	bool finishing;			/* what is asked now is asked for the last time */
	struct others others;
	uint32_t capture;		/* being read */
	struct findings found;		/* of one judgement; here because it is large */
};

/* The slot of this tunnel, cleaned when another tunnel had this index before. */
struct slot *detect_slot(struct detect *d, uint32_t index, const struct tunnel *tunnel, nsec now);

/* Who lives in this slot now; NULL when the tracker has forgotten it. */
const struct tunnel *detect_tenant(const struct detect *d, const struct tracker *t, uint32_t slot);

/* What is kept of an expected tunnel goes with it to another slot; `tunnel` is who lives there. */
void detect_move_expected(struct detect *d, size_t place, uint32_t to, const struct tunnel *tunnel,
			  nsec now);

#endif
