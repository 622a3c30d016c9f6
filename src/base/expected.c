/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/expected.h>
#include <sawatch/memory.h>

#include <stdlib.h>
#include <string.h>

enum { PEERS_TEXT_MAX = 2 * ENDPOINT_TEXT_MAX, IKE_PORT = 500, NAT_T_PORT = 4500 };

const char *expected_profile_text(enum expected_profile p)
{
#define PROFILE_TEXT(n, t) [PROFILE_##n] = t,
	static const char *const texts[] = { EXPECTED_PROFILES(PROFILE_TEXT) };

	return texts[p];
}

int expected_profile_parse(const char *text)
{
#define PROFILE_PARSE(n, t)        \
	if (strcmp(text, t) == 0)  \
		return PROFILE_##n;
	EXPECTED_PROFILES(PROFILE_PARSE)
	return -1;
}

void expected_done(struct expected *x)
{
	for (size_t i = 0; i < x->n; i++) {
		struct expected_tunnel *t = &x->tunnel[i];

		for (size_t k = 0; k < t->n_overrides; k++) {
			free(t->overrides[k].key);
			free(t->overrides[k].value);
		}
		free(t->overrides);
		free(t->name);
	}
	free(x->tunnel);
	*x = (struct expected){ 0 };
}

struct expected_tunnel *expected_named(struct expected *x, const char *name)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->tunnel[i].name, name) == 0)
			return &x->tunnel[i];
	return NULL;
}

struct expected_tunnel *expected_add(struct expected *x, const char *name)
{
	if (expected_named(x, name))
		return NULL;
	if (x->n == x->room) {
		x->room = x->room ? 2 * x->room : 16;
		x->tunnel = realloc(x->tunnel, x->room * sizeof(x->tunnel[0]));
		memory_or_end(x->tunnel);
	}

	struct expected_tunnel *t = &x->tunnel[x->n++];

	*t = (struct expected_tunnel){ .name = strdup(name), .profile = PROFILE_SITE_TO_SITE };
	memory_or_end(t->name);
	return t;
}

/* ---- one line of a section ------------------------------------------------ */

static bool take_peers(struct expected *x, struct expected_tunnel *t, const char *value,
		       struct err *e)
{
	char text[PEERS_TEXT_MAX];
	size_t length = strlen(value);
	char *comma = NULL;

	if (t->has_peers)
		return err_set(e, "peers: given twice for %s", t->name);
	if (length < sizeof(text)) {
		memcpy(text, value, length + 1);
		comma = strchr(text, ',');
	}
	if (!comma)
		return err_set(e, "peers = %s: not two addresses; write peers = 192.0.2.1, "
				  "198.51.100.1", value);
	*comma++ = '\0';
	comma += strspn(comma, " \t");
	text[strcspn(text, " \t")] = '\0';

	const char *part[2] = { text, comma };

	for (int i = 0; i < 2; i++) {
		if (!endpoint_parse(part[i], &t->peers[i]))
			return err_set(e, "peers: \"%s\" is no address; write 192.0.2.1, "
					  "192.0.2.1:1024, 2001:db8::1 or [2001:db8::1]:1024",
					  part[i]);
		if (t->peers[i].port == IKE_PORT || t->peers[i].port == NAT_T_PORT)
			t->peers[i].port = 0;	/* these tell no peers apart */
	}
	if (endpoint_compare(t->peers[0], t->peers[1]) > 0) {
		struct endpoint first = t->peers[0];

		t->peers[0] = t->peers[1];
		t->peers[1] = first;
	}
	if (endpoint_equal(t->peers[0], t->peers[1]))
		return err_set(e, "peers = %s: a tunnel has two different ends", value);
	for (size_t i = 0; i < x->n; i++) {
		const struct expected_tunnel *other = &x->tunnel[i];

		if (other->has_peers && endpoint_equal(other->peers[0], t->peers[0]) &&
		    endpoint_equal(other->peers[1], t->peers[1]))
			return err_set(e, "peers = %s: these are the peers of %s; "
					  "give each tunnel once", value,
				       other->name);
	}
	t->has_peers = true;
	return true;
}

static bool take_profile(struct expected_tunnel *t, const char *value, struct err *e)
{
	int profile = expected_profile_parse(value);

	if (profile < 0)
		return err_set(e, "profile = %s: no such profile; write site-to-site, "
				  "on-demand or remote-access", value);
	t->profile = (enum expected_profile)profile;
	return true;
}

/*
 * Settings of the tracker and of conditions of the whole capture: they cannot differ between
 * tunnels.
 */
static bool is_for_all_tunnels(const char *key)
{
	static const char *const groups[] = {
		"table.", "history.", "dup.", "chain.", "clock.", "mirror.", "one_sided.",
		"capture.", "flood.", "scan.",
		"nat_twin_ms", "settle_s", "overlap_budget_s", "birth_", "ended_keep_s",
		"silent_end_s", "idle_s",
		"loss.flows", "loss.coincidence_ms", "judge_s",
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strncmp(key, groups[i], strlen(groups[i])) == 0)
			return true;
	return false;
}

static bool take_override(struct expected_tunnel *t, const char *key, const char *value,
			  struct err *e)
{
	struct settings trial;

	settings_defaults(&trial);
	if (!settings_set(&trial, key, value, e))
		return false;
	if (is_for_all_tunnels(key))
		return err_set(e, "%s: holds for all tunnels; write it above the first section",
			       key);
	t->overrides = realloc(t->overrides, (t->n_overrides + 1) * sizeof(t->overrides[0]));
	memory_or_end(t->overrides);

	struct expected_override *o = &t->overrides[t->n_overrides++];

	*o = (struct expected_override){ strdup(key), strdup(value) };
	memory_or_end(o->key && o->value);
	return true;
}

bool expected_set(struct expected *x, struct expected_tunnel *t, const char *key, const char *value,
		  struct err *e)
{
	if (strcmp(key, "peers") == 0)
		return take_peers(x, t, value, e);
	if (strcmp(key, "profile") == 0)
		return take_profile(t, value, e);
	return take_override(t, key, value, e);
}

void expected_settings(const struct expected_tunnel *t, const struct settings *general,
		       struct settings *ret)
{
	struct err e;

	*ret = *general;
	for (size_t i = 0; i < t->n_overrides; i++) {
		bool good = settings_set(ret, t->overrides[i].key, t->overrides[i].value, &e);

		memory_or_end(good);
		(void)good;
	}
}

/* ---- looking for one ------------------------------------------------------ */

/* Do the inventory's two ends stand for these?  0 no; more for every port that it names. */
static int fit(const struct expected_tunnel *t, const struct endpoint *a, const struct endpoint *b)
{
	const struct endpoint *seen[2] = { a, b };
	int score = 1;

	for (int i = 0; i < 2; i++) {
		if (!addr_equal(t->peers[i].addr, seen[i]->addr))
			return 0;
		if (t->peers[i].port == 0)
			continue;
		if (t->peers[i].port != seen[i]->port)
			return 0;
		score++;
	}
	return score;
}

size_t expected_find(const struct expected *x, const struct endpoint peers[2])
{
	size_t best = x->n;
	int most = 0;

	for (size_t i = 0; i < x->n; i++) {
		int score = fit(&x->tunnel[i], &peers[0], &peers[1]);

		/* two clients behind one address may stand in either order */
		if (score == 0 && addr_equal(peers[0].addr, peers[1].addr))
			score = fit(&x->tunnel[i], &peers[1], &peers[0]);
		if (score > most) {
			most = score;
			best = i;
		}
	}
	return best;
}
