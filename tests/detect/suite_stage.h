/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage with IKE SAs whose algorithms are known, by their numbers of IANA. */
#ifndef TESTS_DETECT_SUITE_STAGE_H
#define TESTS_DETECT_SUITE_STAGE_H

#include "detect/stage.h"

/* An IKE SA whose answer chose this. */
static inline uint32_t chose(int initiator, uint8_t major, uint16_t encr, uint16_t bits,
			     uint16_t integ, uint16_t prf, uint16_t group)
{
	uint32_t ike = stage_ike(initiator, major);
	struct ike_sa *sa = &stage->ike[ike];

	stage_ike_event(EVENT_IKE_SA_CREATED, ike, initiator);
	sa->encr = encr;
	sa->key_bits = bits;
	sa->integ = integ;
	sa->prf = prf;
	sa->group = group;
	stage_answer(stage_request(ike, major == 2 ? 34 : 2, PURPOSE_IKE_SA_INIT, initiator, 0));
	sa->state = IKE_ESTABLISHED;
	sa->established = stage->now;
	stage_ike_event(EVENT_IKE_SA_ESTABLISHED, ike, initiator);
	return ike;
}

#endif
