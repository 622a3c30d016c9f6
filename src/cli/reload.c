/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/reload.h"

#include <string.h>

#include <sawatch/text.h>

#include "cli/cli.h"

/* ---- what was sized or begun at the start ---- */

static bool is_fixed(const struct setting *s)
{
	static const char *const sections[] = { "table.", "store.", "syslog.", "metrics.", "on_alert." };

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (strncmp(s->key, sections[i], strlen(sections[i])) == 0)
			return true;
	return false;
}

static void keep(const struct setting *s, const struct settings *old, struct settings *new)
{
	_Static_assert(sizeof(int64_t) == sizeof(nsec) && sizeof(int64_t) == sizeof(double), "settings are of one size");
	memcpy((char *)new + s->offset, (const char *)old + s->offset, sizeof(int64_t));
}

/* ---- tunnels ---- */

static bool same_tunnel(const struct expected_tunnel *a, const struct expected_tunnel *b)
{
	return strcmp(a->name, b->name) == 0 && endpoint_equal(a->peers[0], b->peers[0]) &&
	       endpoint_equal(a->peers[1], b->peers[1]);
}

static bool same_terms(const struct expected_tunnel *a, const struct expected_tunnel *b)
{
	if (a->profile != b->profile || a->n_overrides != b->n_overrides)
		return false;
	for (size_t i = 0; i < a->n_overrides; i++)
		if (strcmp(a->overrides[i].key, b->overrides[i].key) != 0 ||
		    strcmp(a->overrides[i].value, b->overrides[i].value) != 0)
			return false;
	return true;
}

/* What belongs to `a` belongs to `b` now. */
static void swap_terms(struct expected_tunnel *a, struct expected_tunnel *b)
{
	struct expected_tunnel old = *a;

	a->profile = b->profile;
	a->n_overrides = b->n_overrides;
	a->overrides = b->overrides;
	b->n_overrides = old.n_overrides;
	b->overrides = old.overrides;
}

/* Returns how many changed; `others` names those that came or went. */
static unsigned take_tunnels(struct expected *in_effect, struct expected *found, struct text *others)
{
	unsigned changed = 0;
	size_t known = 0;

	for (size_t i = 0; i < in_effect->n; i++) {
		struct expected_tunnel *t = &in_effect->tunnel[i], *f = expected_named(found, t->name);

		if (!f || !same_tunnel(t, f)) {
			text_add(others, "%stunnel %s", others->used > 0 ? ", " : "", t->name);
			continue;
		}
		known++;
		if (same_terms(t, f))
			continue;
		swap_terms(t, f);
		changed++;
	}
	for (size_t i = 0; known < found->n && i < found->n; i++)
		if (!expected_named(in_effect, found->tunnel[i].name))
			text_add(others, "%stunnel %s", others->used > 0 ? ", " : "", found->tunnel[i].name);
	return changed;
}

/* ---- settings ---- */

/* The same. */
static unsigned take_settings(struct settings *in_effect, struct settings *found, struct text *others)
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

bool reload(struct read_options *o, struct settings *in_effect)
{
	struct settings found;
	struct expected expected = { 0 };
	char others[256];
	struct text t = TEXT_IN(others);
	unsigned settings, tunnels;
	struct err e;

	if (!o->config) {
		complain("SIGHUP: there is no --config to read again");
		return false;
	}
	if (!read_options_settings(o, &found, &expected, &e)) {
		complain("SIGHUP: %s; the settings stay as they were", e.text);
		return false;
	}
	settings = take_settings(in_effect, &found, &t);
	tunnels = take_tunnels(&o->expected, &expected, &t);
	expected_done(&expected);
	complain("SIGHUP: %s: read again, %u setting%s and %u tunnel%s changed%s%s%s", o->config, settings,
		 settings == 1 ? "" : "s", tunnels, tunnels == 1 ? "" : "s", t.used > 0 ? "; only a restart changes " : "",
		 others, t.cut ? " …" : "");
	return true;
}
