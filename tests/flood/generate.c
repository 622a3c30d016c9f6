/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "flood.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define START (INT64_C(1795312800) * S)		/* 2026-11-22T02:00:00Z */
#define BEFORE (120 * S)
#define AFTER (300 * S)
#define ATTACK (20 * S)		/* --packets share it, without --gap-ns */

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s [--packets N] [--seed N] [--gap-ns N] [--honest] ATTACK FILE\n"
		"       %s [--packets N] [--seed N] normal-KIND FILE\n"
		"--honest leaves the attack itself out; --list names the attacks, "
		"and the honest kind each is compared with.\n", program, program);
	for (const struct attack *a = attacks; a->name; a++)
		fprintf(stderr, "  %-16s %s\n", a->name, a->what);
	for (const struct normal *n = normals; n->name; n++)
		fprintf(stderr, "  normal-%-9s %s\n", n->name, n->what);
	return 1;
}

struct given {
	uint64_t packets, seed;
	int64_t gap;
	bool honest;
};

static bool generate(const struct attack *a, const struct given *g, struct output *out)
{
	static struct population p;
	int64_t lasts = g->gap ? (int64_t)g->packets * g->gap : ATTACK;
	int64_t gap = g->gap ? g->gap : g->packets ? ATTACK / (int64_t)g->packets : 0;
	int64_t calm = START + BEFORE + lasts;

	p.when = (struct moments){ START, START + BEFORE, calm, calm + AFTER };
	p.rng.state = g->seed;
	out->rng.state = ~g->seed;

	struct diary *d = diary_new(&p);

	if (d == NULL)
		return false;
	for (uint64_t n = 0; n < g->packets && !g->honest; n++) {
		int64_t at = p.when.attack + (int64_t)n * gap;

		while (diary_next(d) <= at)
			diary_write(d, out);
		out->now = at;
		a->strike(&p, out, n);
	}
	while (diary_next(d) < INT64_MAX)
		diary_write(d, out);
	diary_free(d);
	return true;
}

static const struct option long_options[] = {
	{ "packets", required_argument, NULL, 'p' }, { "seed", required_argument, NULL, 'e' },
	{ "gap-ns", required_argument, NULL, 'g' },  { "honest", no_argument, NULL, 'h' },
	{ "list", no_argument, NULL, 'l' },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct given g = { .packets = 100000, .seed = 1 };
	static struct output out;
	const struct attack *a = attacks;
	const struct normal *n = normals;
	bool normal, list = false;
	int c;

	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (c == 'p')
			g.packets = strtoull(optarg, NULL, 10);
		else if (c == 'e')
			g.seed = strtoull(optarg, NULL, 10);
		else if (c == 'g')
			g.gap = strtoll(optarg, NULL, 10);
		else if (c == 'h')
			g.honest = true;
		else if (c == 'l')
			list = true;
		else
			return usage(argv[0]);
	}
	for (; list && a->name; a++)
		printf("%s %s\n", a->name, a->normal);
	if (list)
		return 0;
	if (argc - optind != 2)
		return usage(argv[0]);
	normal = strncmp(argv[optind], "normal-", 7) == 0;
	while (!normal && a->name && strcmp(a->name, argv[optind]) != 0)
		a++;
	while (normal && n->name && strcmp(n->name, argv[optind] + 7) != 0)
		n++;
	if (normal ? !n->name : !a->name)
		return usage(argv[0]);
	if (!sim_pcap_open(&out.pcap, argv[optind + 1], 1, true, 0)) {
		fprintf(stderr, "%s: %s\n", argv[optind + 1], strerror(errno));
		return 1;
	}
	out.now = START;
	out.gap = g.gap ? g.gap : MS / 100;	/* of normal traffic */
	out.snap = FRAME_MAX;
	out.rng.state = g.seed;
	if (normal)
		n->generate(&out, g.packets);
	else if (!generate(a, &g, &out))
		fprintf(stderr, "%s: out of memory\n", argv[0]);
	if (!sim_pcap_close(&out.pcap)) {
		fprintf(stderr, "%s: cannot write\n", argv[optind + 1]);
		return 1;
	}
	return 0;
}
