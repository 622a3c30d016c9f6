/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stage with packets on its ESP SAs. */
#ifndef TESTS_DETECT_ESP_STAGE_H
#define TESTS_DETECT_ESP_STAGE_H

#include "detect/stage.h"

/* A minute of `came` packets on an ESP SA, with `lost` missing among them. */
static inline void minute(uint32_t esp, int64_t came, int64_t lost)
{
	struct event ev;
	nsec begin = stage->now;

	stage_pass(60 * S);
	stage_esp_packets(esp, (uint64_t)came, (uint64_t)came * 100);
	ev = stage_event(EVENT_TRAFFIC);
	ev.esp_sa = esp;
	ev.side = stage->esp[esp].direction;
	ev.value[0] = came;
	ev.value[1] = came * 100;
	ev.value[2] = lost;
	ev.value[3] = begin;
	stage_send(ev);
}

/* Something about an ESP SA that the tracker tells with two numbers. */
static inline void esp_event(enum event_kind kind, uint32_t esp, int64_t a, int64_t b)
{
	struct event ev = stage_event(kind);

	ev.esp_sa = esp;
	ev.side = stage->esp[esp].direction;
	ev.value[0] = a;
	ev.value[1] = b;
	stage_send(ev);
}

#endif
