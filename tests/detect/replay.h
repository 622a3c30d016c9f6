/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Replays classic pcap files through tracker and detectors, with nothing of the
 * edges: no libpcap, no reassembly.  Enough for what the detectors must say
 * about a capture.
 */
#ifndef TESTS_DETECT_REPLAY_H
#define TESTS_DETECT_REPLAY_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/detect.h>

#include "detect/collected.h"

struct replay {
	struct settings settings;
	struct tracker *tracker;
	struct detect *detect;
	struct collected alerts;
	struct record_sink sink;
	uint64_t frames;
};

static inline void replay_event(void *user, const struct tracker *t, const struct event *ev)
{
	detect_observe(((struct replay *)user)->detect, t, ev);
}

/* After the settings were changed as the test wants. */
static inline void replay_open(struct replay *r)
{
	static const struct hash_key key = { { 1, 2, 3, 4 } };
	struct tracker_handler handler = { .user = r, .event = replay_event };

	r->settings.tables_tunnels = 256;
	r->settings.tables_ike_sas = 4096;
	r->settings.tables_child_sas = 8192;
	r->settings.tables_esp_sas = 16384;
	r->settings.tables_alerts = 256;
	memset(&r->alerts, 0, sizeof(r->alerts));
	r->frames = 0;
	r->sink = (struct record_sink){ .user = &r->alerts, .alert = collected_take };
	r->detect = detect_new(&r->settings, &r->sink);
	r->tracker = tracker_new(&r->settings, &key, &handler);
}

static inline void replay_close(struct replay *r)
{
	tracker_finish(r->tracker, true);
	detect_finish(r->detect, r->tracker);
}

static inline void replay_free(struct replay *r)
{
	tracker_free(r->tracker);
	detect_free(r->detect);
	r->tracker = NULL;
	r->detect = NULL;
}

static inline uint32_t replay_u32(const uint8_t *p, bool swapped)
{
	return swapped ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] :
			 (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* False when the file cannot be opened or is no classic pcap file. */
static inline bool replay_file(struct replay *r, const char *path)
{
	uint8_t header[24], record[16], *data;
	FILE *f = fopen(path, "rb");

	if (!f)
		return false;
	if (fread(header, 1, sizeof(header), f) != sizeof(header)) {
		fclose(f);
		return false;
	}

	bool swapped = header[0] == 0xa1;
	uint32_t magic = replay_u32(header, swapped);

	if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) {
		fclose(f);
		return false;
	}
	while (fread(record, 1, sizeof(record), f) == sizeof(record)) {
		uint32_t fraction = replay_u32(record + 4, swapped);
		struct frame frame = {
			.at = (nsec)replay_u32(record, swapped) * NSEC_PER_S +
			      (magic == 0xa1b2c3d4 ? (nsec)fraction * 1000 : (nsec)fraction),
			.number = ++r->frames,
			.capture = 1,
			.captured = replay_u32(record + 8, swapped),
			.length = replay_u32(record + 12, swapped),
			.link_type = (uint16_t)replay_u32(header + 20, swapped),
		};

		/*
		 * an exact-size copy of every frame, so that the sanitizer sees one byte too many
		 */
		data = malloc(frame.captured > 0 ? frame.captured : 1);
		if (!data || fread(data, 1, frame.captured, f) != frame.captured) {
			free(data);
			break;
		}
		frame.data = data;
		tracker_frames(r->tracker, &frame, 1);
		free(data);
	}
	fclose(f);
	return true;
}

#endif
