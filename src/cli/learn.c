/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `sawatch learn`: an inventory, as a draft for a person to edit, out of what a history has seen.
 */
#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/expected.h>
#include <sawatch/store_learn.h>

#include "cli/cli.h"

enum {
	LITTLE_S = 6 * 3600,		/* seen for less: a guess */
	GONE_S = 7 * 86400,		/* not seen for so long: perhaps it is no more */
};

/* share of the time that a tunnel is up which is meant to be up always */
static const double permanent = 0.9;

struct learning {
	struct expected known;		/* what was printed: names and peers are given once */
	size_t n, never_up;
};

static const struct option long_options[] = {
	{ "db", required_argument, NULL, 'd' },
	{ NULL, 0, NULL, 0 },
};

static double share_up(const struct store_learned *l)
{
	double span = (double)(l->watched_last - l->first);

	return span > 0 ? (double)l->up_ns / span : 1;
}

static enum expected_profile profile_of(const struct store_learned *l, const char **ret_why)
{
	bool behind_nat = l->peers[0].port != 0 || l->peers[1].port != 0;

	if (l->user_login) {
		*ret_why = "a user logs in (EAP, XAUTH or mode config)";
		return PROFILE_REMOTE_ACCESS;
	}
	if (l->idle_ends > 0) {
		*ret_why = "it was closed for being idle";
		return PROFILE_ON_DEMAND;
	}
	if (share_up(l) < permanent && behind_nat) {
		*ret_why = "a peer behind a NAT that comes and goes";
		return PROFILE_REMOTE_ACCESS;
	}
	if (share_up(l) < permanent) {
		*ret_why = "it comes and goes";
		return PROFILE_ON_DEMAND;
	}
	*ret_why = "it is meant to be up";
	return PROFILE_SITE_TO_SITE;
}

/* A name that is not taken: what the inventory calls it, or its peers. */
static void name_of(const struct learning *g, const struct store_learned *l, char *ret, size_t size)
{
	char a[ENDPOINT_TEXT_MAX], b[ENDPOINT_TEXT_MAX];
	size_t length;

	if (l->label)
		snprintf(ret, size, "%s", l->label);
	else
		snprintf(ret, size, "%s-%s", addr_text(l->peers[0].addr, a),
			 addr_text(l->peers[1].addr, b));
	length = strlen(ret);
	for (unsigned n = 2; expected_named((struct expected *)(uintptr_t)&g->known, ret); n++)
		snprintf(ret + length, size - length, "-%u", n);
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_evidence(const struct store_learned *l, const char *why)
{
	char first[NSEC_TEXT_MAX], last[NSEC_TEXT_MAX], span[NSEC_TEXT_MAX];

	nsec_rfc3339(l->first, first);
	nsec_rfc3339(l->last, last);
	printf("# %s; up %.1f %% of the time since %.19sZ", why, 100 * share_up(l), first);
	if (l->pauses > 0)
		printf(", %lld pause%s", (long long)l->pauses, plural(l->pauses));
	printf("\n# ");
	if (l->version == 0)
		printf("no IKE was seen");
	else
		printf("IKEv%d, %lld IKE SA%s, %lld from scratch", l->version,
		       (long long)l->ike_sas, plural(l->ike_sas), (long long)l->sessions);
	printf("; %lld child SA%s", (long long)l->child_sas, plural(l->child_sas));
	if (l->idle_ends > 0)
		printf(", %lld closed for being idle", (long long)l->idle_ends);
	if (l->rekey_ns != RECORD_UNKNOWN)
		printf(", replaced after %s", nsec_span(l->rekey_ns, span));
	if (l->rekey_ns != RECORD_UNKNOWN && l->who_rekeys)
		printf(" by %s", l->who_rekeys);
	printf("\n");
	if (l->watched_last - l->first < LITTLE_S * NSEC_PER_S)
		printf("# seen for less than %d hours: judge yourself\n", LITTLE_S / 3600);
	if (l->watched_last - l->last > GONE_S * NSEC_PER_S)
		printf("# not seen since %.19sZ: perhaps it is no more\n", last);
}

static void print_tunnel(void *user, const struct store_learned *l)
{
	struct learning *g = user;
	char name[3 * ENDPOINT_TEXT_MAX], peers[2 * ENDPOINT_TEXT_MAX + 4], a[ENDPOINT_TEXT_MAX],
		b[ENDPOINT_TEXT_MAX];
	struct expected_tunnel *t;
	const char *why;
	struct err e;

	if (!l->both_ways || l->first == NSEC_NONE || l->watched_last == NSEC_NONE) {
		g->never_up++;
		return;
	}
	name_of(g, l, name, sizeof(name));
	/* a NAT's ports come and go: any port is meant */
	snprintf(peers, sizeof(peers), "%s, %s", addr_text(l->peers[0].addr, a),
		 addr_text(l->peers[1].addr, b));
	t = expected_add(&g->known, name);
	assert(t);

	bool fits = expected_set(&g->known, t, "peers", peers, &e);
	const char *off = fits ? "" : "# ";
	enum expected_profile profile = profile_of(l, &why);

	printf("\n");
	if (!fits)
		printf("# another client behind the same address:\n");
	printf("%s[tunnel %s]\n%speers = %s\n%sprofile = %s\n", off, name, off, peers, off,
	       expected_profile_text(profile));
	print_evidence(l, why);
	g->n++;
}

static bool parse(int argc, char **argv, const char **ret_database)
{
	int option;

	*ret_database = NULL;
	opterr = 0;
	optind = 0;	/* glibc: begin anew */
	while ((option = getopt_long(argc, argv, ":", long_options, NULL)) != -1) {
		if (option == '?' || option == ':') {
			complain_about_option(argc, argv, option, long_options);
			return false;
		}
		*ret_database = optarg;
	}
	if (optind < argc)
		complain("learn %s: not an option; see sawatch learn --help", argv[optind]);
	else if (!*ret_database)
		complain("learn: name the history: --db FILE");
	return optind == argc && *ret_database;
}

int learn_run(int argc, char **argv)
{
	struct learning g = { 0 };
	struct store *s = NULL;
	const char *database;
	struct err e;
	bool ok;

	if (!parse(argc, argv, &database))
		return EXIT_TROUBLE;
	if (!store_open(&s, database, STORE_READ, NULL, &e)) {
		complain("%s", e.text);
		return EXIT_TROUBLE;
	}
	printf("# Tunnels as %s has seen them; a draft: edit it, and give it with --config.\n"
	       "# profile: site-to-site is missed when it is down; "
	       "on-demand and remote-access only when they cannot be set up.\n"
	       "# Settings may differ for a tunnel: add a line like\n# tunnel_down.hold_s = 900\n",
	       database);
	ok = store_walk_learned(s, print_tunnel, &g, &e);
	if (!ok)
		complain("%s", e.text);
	if (ok && g.never_up > 0)
		printf("\n# %zu more pairs of peers never were up: "
		       "they are no tunnels, or their faults have to be cured first\n", g.never_up);
	if (ok && g.n == 0)
		complain("%s: no tunnel in it was ever up; nothing to learn from yet", database);
	store_close(s, NULL);
	expected_done(&g.known);
	return ok ? EXIT_DONE : EXIT_TROUBLE;
}
