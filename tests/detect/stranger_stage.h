/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage with strangers that begin IKE SAs. */
#ifndef TESTS_DETECT_STRANGER_STAGE_H
#define TESTS_DETECT_STRANGER_STAGE_H

#include "detect/stage.h"

/* An IKE SA begun now between these, answered or not. */
static inline uint32_t begin(uint32_t from, uint16_t port, uint32_t to, bool answered)
{
	uint32_t ike = stage_ike(0, 2);

	stage->ike[ike].initiator = (struct endpoint){ addr_v4(from), port };
	stage->ike[ike].responder = (struct endpoint){ addr_v4(to), 500 };
	stage->ike[ike].spi_r = answered ? 0x2000 + ike : 0;
	stage_ike_event(EVENT_IKE_SA_CREATED, ike, 0);
	return ike;
}

static inline void set_up(uint32_t ike)
{
	stage->ike[ike].established = stage->now;
	stage_ike_event(EVENT_IKE_SA_ESTABLISHED, ike, 0);
}

#define GATEWAY 0xc6336401u	/* 198.51.100.1 */

#endif
