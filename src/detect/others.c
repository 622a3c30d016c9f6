/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/others.h"

#include <stdbool.h>

void others_add(struct others *o, nsec minute, nsec length, int64_t came, int64_t lost)
{
	nsec window = minute - minute % length;

	if (window > o->window) {
		bool next = window - o->window == length;

		o->came[1] = next ? o->came[0] : 0;
		o->lost[1] = next ? o->lost[0] : 0;
		o->came[0] = o->lost[0] = 0;
		o->window = window;
	}
	o->came[0] += came;
	o->lost[0] += lost > 0 ? lost : 0;
}
