/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/capture_clock.h"

void capture_clock_set(struct capture_clock *c, nsec packet_at, nsec monotonic)
{
	c->known = true;
	c->ahead = packet_at - monotonic;
}

nsec capture_clock_now(const struct capture_clock *c, nsec monotonic)
{
	return c->known ? monotonic + c->ahead : NSEC_NONE;
}
