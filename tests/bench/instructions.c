/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the instruction count is taken of: the records of a pcap file of this
 * machine's byte order, in batches, through tracker and detectors, with a hash
 * key that is always the same.  No library but libc, and nothing that depends
 * on time, so the count depends on the compiler only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/detect.h>
#include <sawatch/track.h>

enum { FRAMES = 256, FILE_HEADER = 24, RECORD = 16 };

static uint32_t number(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint8_t *whole_file(const char *path, size_t *ret_size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *bytes = NULL;
	long size;

	if (f && fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) > FILE_HEADER &&
	    fseek(f, 0, SEEK_SET) == 0) {
		bytes = malloc((size_t)size);
		*ret_size = bytes ? fread(bytes, 1, (size_t)size, f) : 0;
	}
	if (f)
		fclose(f);
	return bytes;
}

static size_t next_frames(const uint8_t **at, const uint8_t *end, uint64_t *count,
			  struct frame *ret)
{
	size_t n = 0;

	for (; n < FRAMES && end - *at >= RECORD; n++) {
		const uint8_t *r = *at;

		ret[n] = (struct frame){
			.at = (nsec)number(r) * NSEC_PER_S + number(r + 4), .number = ++*count,
			.capture = 1,
			.captured = number(r + 8), .length = number(r + 12),
			.link_type = LINK_ETHERNET, .data = r + RECORD,
		};
		*at += RECORD + ret[n].captured;
	}
	return n;
}

static void event(void *user, const struct tracker *t, const struct event *ev)
{
	detect_observe(user, t, ev);
}

int main(int argc, char **argv)
{
	const struct record_sink nowhere = { 0 };
	struct frame frames[FRAMES];
	struct settings settings;
	struct tracker_counters c;
	uint64_t count = 0;
	size_t size = 0, n;
	bool detects = argc != 3 || strcmp(argv[1], "--no-detect") != 0;
	uint8_t *bytes = argc == 3 - detects ? whole_file(argv[argc - 1], &size) : NULL;
	const uint8_t *at;

	if (!bytes) {
		fprintf(stderr, "usage: %s [--no-detect] FILE\n", argv[0]);
		return 1;
	}
	at = bytes + FILE_HEADER;
	settings_defaults(&settings);
	/* memory that is only reserved costs instructions as well when it is cleared */
	settings.tables_esp_sas = settings.tables_child_sas = settings.tables_ike_sas =
		settings.tables_tunnels = 4096;

	struct detect *d = detects ? detect_new(&settings, &nowhere) : NULL;
	struct tracker_handler handler = { .user = d, .event = d ? event : NULL };
	struct tracker *t =
		tracker_new(&settings, &(struct hash_key){ { 11, 22, 33, 44 } }, &handler);

	while ((n = next_frames(&at, bytes + size, &count, frames)) > 0)
		tracker_frames(t, frames, n);
	tracker_counters(t, &c);
	printf("%llu frames, %llu ESP packets, %llu IKE messages\n", (unsigned long long)count,
	       (unsigned long long)c.esp_packets, (unsigned long long)c.ike_messages);
	tracker_free(t);
	detect_free(d);
	free(bytes);
	return 0;
}
