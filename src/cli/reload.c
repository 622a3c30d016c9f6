/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/reload.h"

#include <string.h>

#include <sawatch/text.h>

#include "cli/cli.h"

/* ---- what was sized or begun at the start ---- */

static bool is_fixed(const struct setting *s)
{
	static const char *const sections[] = {
		"table.", "store.", "syslog.", "metrics.", "on_alert.",
	};

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (strncmp(s->key, sections[i], strlen(sections[i])) == 0)
			return true;
	return false;
}

static void keep(const struct setting *s, const struct settings *old, struct settings *new)
{
	_Static_assert(sizeof(int64_t) == sizeof(nsec) && sizeof(int64_t) == sizeof(double),
		       "settings are of one size");
	memcpy((char *)new + s->offset, (const char *)old + s->offset, sizeof(int64_t));
}

/* ---- tunnels ---- */

/* What there is to say of the inventory. */
struct tunnel_news {
	unsigned changed;		/* called otherwise, or with other terms */
	bool moved;			/* they stand in another order */
	char names[3][128];
	struct text new, gone, elsewhere;	/* elsewhere: the name has other peers */
};

static bool same_peers(const struct expected_tunnel *a, const struct expected_tunnel *b)
{
	return endpoint_equal(a->peers[0], b->peers[0]) && endpoint_equal(a->peers[1], b->peers[1]);
}

static bool same_terms(const struct expected_tunnel *a, const struct expected_tunnel *b)
{
	if (a->profile != b->profile || a->n_overrides != b->n_overrides ||
	    strcmp(a->name, b->name) != 0)
		return false;
	for (size_t i = 0; i < a->n_overrides; i++)
		if (strcmp(a->overrides[i].key, b->overrides[i].key) != 0 ||
		    strcmp(a->overrides[i].value, b->overrides[i].value) != 0)
			return false;
	return true;
}

static const struct expected_tunnel *with_peers_of(const struct expected *x,
						   const struct expected_tunnel *t)
{
	for (size_t i = 0; i < x->n; i++)
		if (same_peers(&x->tunnel[i], t))
			return &x->tunnel[i];
	return NULL;
}

static void add_name(struct text *names, const struct expected_tunnel *t)
{
	text_add(names, "%s%s", names->used > 0 ? ", " : "", t->name);
}

static void compare_tunnels(struct expected *old, struct expected *found, struct tunnel_news *n)
{
	for (size_t i = 0; i < found->n; i++) {
		const struct expected_tunnel *t = &found->tunnel[i], *was = with_peers_of(old, t);

		if (was)
			n->changed += !same_terms(was, t);
		else
			add_name(expected_named(old, t->name) ? &n->elsewhere : &n->new, t);
		n->moved |= !was || was != &old->tunnel[i];
	}
	for (size_t i = 0; i < old->n; i++)
		if (!with_peers_of(found, &old->tunnel[i]) &&
		    !expected_named(found, old->tunnel[i].name))
			add_name(&n->gone, &old->tunnel[i]);
}

static void swap(struct expected *a, struct expected *b)
{
	struct expected old = *a;

	*a = *b;
	*b = old;
}

/* False: there is no room for so many; the inventory is as it was. */
static bool take_tunnels(struct read_options *o, struct expected *found,
			 const struct reload_taker *taker, struct tunnel_news *n)
{
	*n = (struct tunnel_news){ 0 };
	n->new = (struct text)TEXT_IN(n->names[0]);
	n->gone = (struct text)TEXT_IN(n->names[1]);
	n->elsewhere = (struct text)TEXT_IN(n->names[2]);
	compare_tunnels(&o->expected, found, n);
	if (n->changed == 0 && !n->moved && o->expected.n == found->n)
		return true;
	swap(&o->expected, found);
	if (taker->tunnels(taker->user, found->n))
		return true;
	swap(&o->expected, found);
	return false;
}

/* ---- settings ---- */

/* The same. */
static unsigned take_settings(struct settings *in_effect, struct settings *found,
			      struct text *others)
{
	unsigned changed = 0;

	for (const struct setting *s = settings_table(); s->key; s++) {
		double now = settings_get(in_effect, s), then = settings_get(found, s);

		if (now == then)
			continue;
		if (!is_fixed(s)) {
			changed++;
			continue;
		}
		text_add(others, "%s%s", others->used > 0 ? ", " : "", s->key);
		keep(s, in_effect, found);
	}
	*in_effect = *found;
	return changed;
}

static void name_words(const struct read_options *o, const struct text_settings *found,
		       struct text *others)
{
	const char *key;
	size_t row = 0;

	while ((key = text_settings_difference(&o->texts, found, &row)))
		text_add(others, "%s%s", others->used > 0 ? ", " : "", key);
}

static void say(const struct read_options *o, unsigned settings, const struct tunnel_news *n,
		const struct text *others)
{
	const struct {
		const char *before;
		const struct text *names;
	} parts[] = {
		{ "; new: ", &n->new }, { "; gone: ", &n->gone }, { "; with other peers: ",
		  &n->elsewhere },
		{ "; only a restart changes ", others },
	};
	char line[1024];
	struct text t = TEXT_IN(line);

	text_add(&t, "%u setting%s and %u tunnel%s changed", settings, settings == 1 ? "" : "s",
		 n->changed, n->changed == 1 ? "" : "s");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].names->used > 0)
			text_add(&t, "%s%s%s", parts[i].before, parts[i].names->at,
				 parts[i].names->cut ? " …" : "");
	complain("SIGHUP: %s: read again, %s", o->config, line);
}

bool reload(struct read_options *o, struct settings *in_effect, const struct reload_taker *taker)
{
	struct settings found;
	struct expected expected = { 0 };
	struct text_settings words = { 0 };
	char names[256];
	struct text others = TEXT_IN(names);
	struct tunnel_news tunnels;
	unsigned settings;
	struct err e;

	if (!o->config) {
		complain("SIGHUP: there is no --config to read again");
		return false;
	}
	if (!read_options_settings(o, &found, &expected, &e) ||
	    !read_options_words(o, &words, &e)) {
		complain("SIGHUP: %s; the settings stay as they were", e.text);
		expected_done(&expected);
		text_settings_done(&words);
		return false;
	}
	settings = take_settings(in_effect, &found, &others);
	name_words(o, &words, &others);
	taker->settings(taker->user);
	if (!take_tunnels(o, &expected, taker, &tunnels)) {
		tunnels = (struct tunnel_news){ 0 };
		text_add(&others, "%sthe tunnels, of which there are more than now have room",
			 others.used > 0 ? ", " : "");
	}
	say(o, settings, &tunnels, &others);
	expected_done(&expected);
	text_settings_done(&words);
	return true;
}
