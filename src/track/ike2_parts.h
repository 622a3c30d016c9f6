/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of IKEv2 share: ike2.c says which IKE SA and which exchange a message belongs to,
 * ike2_steps.c what it does to them.
 */
#ifndef SAWATCH_TRACK_IKE2_PARTS_H
#define SAWATCH_TRACK_IKE2_PARTS_H

#include <sawatch/ike_registry.h>

#include "track/tracker.h"

/* An exchange in clear, with which an IKE SA begins (RFC 7296 1.2, RFC 5723). */
static inline bool ike2_is_initial(uint8_t exchange)
{
	return exchange == IKE2_EXCHANGE_IKE_SA_INIT ||
	       exchange == IKE2_EXCHANGE_IKE_SESSION_RESUME;
}

/* Emit the event of an error notify in clear; `spi`: the one it names, or 0. */
void ike2_emit_error(struct tracker *t, const struct arrival *a, uint32_t ike_sa, uint16_t type,
		     uint64_t spi);

/* The first request, or the first answer, of the current exchange of `slot` (exchange.h). */
void ike2_first_request(struct tracker *t, struct ike_sa *sa, int slot, const struct arrival *a,
			const struct ike_message *m);
void ike2_first_response(struct tracker *t, struct ike_sa *sa, int slot, const struct arrival *a,
			 const struct ike_message *m);

/*
 * `x` was answered by a refusal before, and now by something else: the first answer was forged
 * (RFC 7296 2.21.1), and this one counts.
 */
void ike2_another_answer(struct tracker *t, struct ike_sa *sa, struct exchange *x,
			 const struct arrival *a, const struct ike_message *m);

#endif
