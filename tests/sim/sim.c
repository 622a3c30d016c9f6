/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes a capture of a scenario and, beside it, the truth about it. */
#include "scenario.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct sim_scenario *const lists[] = {
	sim_healthy, sim_faults, sim_more_faults, sim_wire_faults, sim_variants,
};
enum { LISTS = sizeof lists / sizeof *lists };

static int usage(FILE *to)
{
	fputs("usage: sawatch_sim_tool [option...] SCENARIO FILE.pcap\n"
	      "       sawatch_sim_tool --list\n"
	      "  --truth FILE       write what really happened, as JSON\n"
	      "  --seconds N        length of the story (each has its own)\n"
	      "  --seed N           another story of the same kind\n"
	      "  --ns               nanosecond time stamps\n"
	      "  --snap N           keep N bytes of each frame\n"
	      "  --link NAME        ethernet sll sll2 raw null vlan qinq mpls pppoe erspan1"
	      " erspan2 erspan3\n"
	      "                     vxlan geneve gre gre-ethernet ipip\n"
	      "  --tap-loss P       the tap loses packets with this probability\n"
	      "  --tap-dup P        the mirror delivers twice with this probability\n"
	      "  --tap-only A|B     only packets from that side\n"
	      "  --tap-start N      nothing before that second is captured\n"
	      "  --net-loss P       the network loses packets, both ways\n"
	      "  --net-reorder P    and overtakes, by 30 ms\n"
	      "  --rtt MS\n", to);
	return to == stderr;
}

static void list(void)
{
	for (size_t i = 0; i < LISTS; i++)
		for (const struct sim_scenario *s = lists[i]; s->name; s++)
			printf("%-34s %6.0f s  %s\n", s->name, s->seconds, s->title);
}

static bool set_link(struct sim_link *l, const char *name)
{
	static const struct {
		const char *name;
		struct sim_link link;
	} links[] = {
		{ "ethernet", { .type = SIM_ETHERNET } },
		{ "sll", { .type = SIM_SLL } },
		{ "sll2", { .type = SIM_SLL2 } },
		{ "raw", { .type = SIM_RAW } },
		{ "null", { .type = SIM_NULL } },
		{ "vlan", { .n_vlans = 1, .vlans = { 101 } } },
		{ "qinq", { .n_vlans = 2, .vlans = { 7, 101 } } },
		{ "mpls", { .n_labels = 2, .labels = { 16001, 24 } } },
		{ "pppoe", { .pppoe = true } },
		{ "erspan1", { .envelope = SIM_ERSPAN_1, .session = 5 } },
		{ "erspan2", { .envelope = SIM_ERSPAN_2, .session = 5 } },
		{ "erspan3", { .envelope = SIM_ERSPAN_3, .session = 5 } },
		{ "vxlan", { .envelope = SIM_VXLAN, .session = 4242 } },
		{ "geneve", { .envelope = SIM_GENEVE, .session = 4242 } },
		{ "gre", { .envelope = SIM_GRE } },
		{ "gre-ethernet", { .envelope = SIM_GRE_ETHERNET } },
		{ "ipip", { .envelope = SIM_IPIP } },
	};

	for (size_t i = 0; i < sizeof links / sizeof *links; i++)
		if (strcmp(links[i].name, name) == 0) {
			*l = links[i].link;
			l->mirror = sim_addr("203.0.113.1");
			l->collector = sim_addr("203.0.113.2");
			return true;
		}
	return false;
}

static void add_codes(struct sim_truth *t, const char *codes,
		      void (*add)(struct sim_truth *t, const char *code))
{
	for (unsigned i = 0; sim_codes[i]; i++) {
		const char *at = codes;
		size_t n = strlen(sim_codes[i]);

		while ((at = strstr(at, sim_codes[i])) != NULL) {
			if ((at == codes || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0')) {
				add(t, sim_codes[i]);
				break;
			}
			at += n;
		}
	}
}

static int fail(const char *what)
{
	fprintf(stderr, "sim: %s: %s\n", what, strerror(errno));
	return 1;
}

static const struct option options[] = {
	{ "list", no_argument, NULL, 'l' },	      { "help", no_argument, NULL, 'h' },
	{ "truth", required_argument, NULL, 't' },    { "seconds", required_argument, NULL, 's' },
	{ "seed", required_argument, NULL, 'e' },     { "ns", no_argument, NULL, 'n' },
	{ "snap", required_argument, NULL, 'p' },     { "link", required_argument, NULL, 'k' },
	{ "tap-loss", required_argument, NULL, '1' }, { "tap-dup", required_argument, NULL, '2' },
	{ "tap-only", required_argument, NULL, '3' }, { "tap-start", required_argument, NULL, '4' },
	{ "net-loss", required_argument, NULL, '5' }, { "net-reorder", required_argument, NULL, '6'
	  },
	{ "rtt", required_argument, NULL, '7' },      { 0 },
};

struct settings {
	const char *truth, *link;
	double seconds, tap_loss, tap_dup, tap_start, net_loss, net_reorder, rtt;
	int tap_only;
	uint64_t seed;
	uint32_t snap;
	bool ns;
};

static bool parse(int argc, char **argv, struct settings *s)
{
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		double number = optarg ? strtod(optarg, NULL) : 0;

		switch (c) {
		case 'l':
			list();
			exit(0);
		case 'h':
			exit(usage(stdout));
		case 't':
			s->truth = optarg;
			break;
		case 's':
			s->seconds = number;
			break;
		case 'e':
			s->seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			s->ns = true;
			break;
		case 'p':
			s->snap = (uint32_t)number;
			break;
		case 'k':
			s->link = optarg;
			break;
		case '1':
			s->tap_loss = number;
			break;
		case '2':
			s->tap_dup = number;
			break;
		case '3':
			s->tap_only = *optarg == 'B';
			break;
		case '4':
			s->tap_start = number;
			break;
		case '5':
			s->net_loss = number;
			break;
		case '6':
			s->net_reorder = number;
			break;
		case '7':
			s->rtt = number;
			break;
		default:
			return false;
		}
	}
	return argc - optind == 2;
}

/* What the command line changes in a story that is set up already. */
static void apply(struct sim_world *w, const struct settings *s)
{
	if (s->tap_loss >= 0)
		w->tap.loss = s->tap_loss;
	if (s->tap_dup >= 0)
		w->tap.duplicate = s->tap_dup;
	if (s->tap_only >= 0)
		w->tap.only_from = s->tap_only;
	if (s->tap_start >= 0)
		w->tap.start = sim_seconds(s->tap_start);
	for (struct sim_pair *p = w->pairs; p; p = p->next) {
		if (s->net_loss >= 0)
			p->net.loss[0] = p->net.loss[1] = s->net_loss;
		if (s->net_reorder >= 0) {
			p->net.reorder = s->net_reorder;
			p->net.reorder_by = 0.030;
		}
		if (s->rtt >= 0)
			p->net.delay = s->rtt / 2000;
	}
}

int main(int argc, char **argv)
{
	struct settings s = { .tap_loss = -1,
			      .tap_dup = -1,
			      .tap_start = -1,
			      .net_loss = -1,
			      .net_reorder = -1,
			      .rtt = -1,
			      .tap_only = -1,
			      .seed = 1 };
	struct sim_truth truth;
	struct sim_world w = { .tap = { .only_from = -1 }, .truth = &truth };
	const struct sim_scenario *story;
	FILE *to;

	if (!parse(argc, argv, &s))
		return usage(stderr);
	story = sim_scenario(argv[optind]);
	if (story == NULL || (s.link && !set_link(&w.tap.link, s.link)))
		return usage(stderr);
	sim_truth_init(&truth);
	truth.scenario = story->name;
	truth.title = story->title;
	add_codes(&truth, story->expected, sim_truth_expect);
	add_codes(&truth, story->allowed, sim_truth_allow);
	w.rng.state = s.seed;
	w.end = sim_seconds(s.seconds > 0 ? s.seconds : story->seconds);
	if (!sim_pcap_open(&w.out, argv[optind + 1], sim_link_dlt(w.tap.link.type), s.ns,
			   s.snap ? s.snap : story->snap))
		return fail(argv[optind + 1]);
	story->set_up(&w);
	apply(&w, &s);
	for (struct sim_pair *p = w.pairs; p; p = p->next)
		gate_start(p);
	sim_run(&w);
	if (!sim_pcap_close(&w.out))
		return fail(argv[optind + 1]);
	if (s.truth) {
		to = fopen(s.truth, "w");
		if (to == NULL)
			return fail(s.truth);
		sim_truth_write(&w, to);
		if (fclose(to) != 0)
			return fail(s.truth);
	}
	for (struct sim_pair *p = w.pairs; p; p = p->next)
		gate_free(p);
	sim_done(&w);
	sim_truth_done(&truth);
	return 0;
}
