/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of IKEv2 share: ike2.c says which IKE SA and which exchange a message belongs to,
 * ike2_steps.c what it does to them.
 */
#ifndef SAWATCH_TRACK_IKE2_PARTS_H
#define SAWATCH_TRACK_IKE2_PARTS_H

#include <sawatch/ike_registry.h>

#include "track/tracker.h"

static inline bool ike2_is_initial(uint8_t exchange)
{
	return exchange == IKE2_EXCHANGE_IKE_SA_INIT ||
	       exchange == IKE2_EXCHANGE_IKE_SESSION_RESUME;
}

void ike2_emit_error(struct tracker *t, const struct arrival *a, uint32_t ike_sa, uint16_t type,
		     uint64_t spi);

/* The exchange of side `slot` (0 the initiator's) that is under way: asked for, or answered. */
void ike2_first_request(struct tracker *t, struct ike_sa *sa, int slot, const struct arrival *a,
			const struct ike_message *m);
void ike2_first_response(struct tracker *t, struct ike_sa *sa, int slot, const struct arrival *a,
			 const struct ike_message *m);

/* `x` was answered before, by a refusal, and now otherwise. */
void ike2_another_answer(struct tracker *t, struct ike_sa *sa, struct exchange *x,
			 const struct arrival *a, const struct ike_message *m);

#endif
