/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The core alone: source -> tracker -> detectors, no history.  Says what the
 * whole program cannot show apart: a packet once all SAs are known (the second
 * half of the file), the memory of an SA, and what time costs that passes
 * without packets.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/detect.h>
#include <sawatch/source.h>
#include <sawatch/track.h>

enum { FRAMES = 256 };

static void event(void *user, const struct tracker *t, const struct event *ev)
{
	struct detect **d = user;

	if (*d)
		detect_observe(*d, t, ev);
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Anonymous memory at work, KiB: not the mapped file. */
static double memory(void)
{
	char line[256];
	double kib = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtod(line + 8, NULL);
	if (f)
		fclose(f);
	return kib;
}

static bool set(struct settings *s, const char *key, const char *value)
{
	struct err e;

	if (settings_set(s, key, value, &e))
		return true;
	fprintf(stderr, "%s\n", e.text);
	return false;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "no-detect", no_argument, NULL, 'n' }, { "idle", required_argument, NULL, 'i' },
		{ "set", required_argument, NULL, 's' }, { NULL, 0, NULL, 0 },
	};
	struct settings settings;
	struct detect *detect = NULL;
	struct record_sink nowhere = { 0 };
	struct tracker_handler handler = { .user = &detect, .event = event };
	struct frame frames[FRAMES];
	struct source_info info;
	struct source *source;
	struct err e;
	long idle = 0;
	bool detects = true;
	int c;

	settings_defaults_of_files(&settings);
	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		char *is = c == 's' ? strchr(optarg, '=') : NULL;

		if (c == 'n')
			detects = false;
		else if (c == 'i')
			idle = atol(optarg);
		else if (!is || (*is = '\0', !set(&settings, optarg, is + 1)))
			return 1;
	}
	if (optind + 1 != argc || !source_open(&source, argv[optind], NULL, &e)) {
		fprintf(stderr, "usage: %s [--no-detect] [--idle SECONDS] [--set KEY=VALUE] FILE\n",
			argv[0]);
		return 1;
	}

	double before = memory();
	struct tracker *t =
		tracker_new(&settings, &(struct hash_key){ { 11, 22, 33, 44 } }, &handler);

	detect = detects ? detect_new(&settings, &nowhere) : NULL;
	source_info(source, &info);
	source_set_capture(source, 1);

	double begun = cpu(), half = begun;
	uint64_t packets = 0, first = 0;
	int n;

	while ((n = source_read(source, frames, FRAMES, &e)) > 0) {
		tracker_frames(t, frames, (size_t)n);
		packets += (uint64_t)n;
		if (first == 0) {
			source_info(source, &info);
			if (info.read_bytes * 2 >= info.size_bytes) {
				first = packets;
				half = cpu();
			}
		}
	}

	double end = cpu(), used = memory() - before;
	uint32_t sas = 0, tunnels = 0;

	for (uint32_t i = 0; i < (uint32_t)settings.tables_esp_sas; i++)
		sas += tracker_esp_sa(t, i) != NULL;
	for (uint32_t i = 0; i < tracker_tunnels(t); i++)
		tunnels += tracker_tunnel(t, i) != NULL;
	printf("packets %llu tunnels %u esp_sas %u first_ns %.1f then_ns %.1f kib %.0f",
	       (unsigned long long)packets, tunnels, sas, 1e9 * (half - begun) / (double)first,
	       1e9 * (end - half) / (double)(packets - first), used);
	if (idle > 0) {
		nsec now = tracker_now(t);

		begun = cpu();
		for (long s = 1; s <= idle; s++)
			tracker_advance(t, now + s * NSEC_PER_S);
		printf(" idle_s %ld idle_us_per_s %.1f", idle,
		       1e6 * (cpu() - begun) / (double)idle);
	}
	putchar('\n');
	detect_free(detect);
	tracker_free(t);
	source_close(source);
	return 0;
}
