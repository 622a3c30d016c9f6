/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What came and what was missing lately in the whole capture: what the other
 * tunnels got whole, the tap did not lose.
 */
#ifndef SAWATCH_DETECT_OTHERS_H
#define SAWATCH_DETECT_OTHERS_H

#include <stdint.h>

#include <sawatch/nsec.h>

/* Of the window of time that is not over, and of the one before it. */
struct others {
	nsec window;		/* when it began; 0 none so far */
	int64_t came[2], lost[2];
};

/* A minute of some SA of any tunnel; windows are `length` long. */
void others_add(struct others *o, nsec minute, nsec length, int64_t came, int64_t lost);

#endif
