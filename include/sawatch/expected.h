/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The inventory: tunnels that somebody expects to see, with the name people
 * call them, what may be asked of them, and the settings that differ for them.
 */
#ifndef SAWATCH_EXPECTED_H
#define SAWATCH_EXPECTED_H

#include <stdbool.h>
#include <stddef.h>

#include <sawatch/addr.h>
#include <sawatch/err.h>
#include <sawatch/settings.h>

/* Site-to-site is up all the time; the others only when somebody needs them. */
#define EXPECTED_PROFILES(X) \
	X(SITE_TO_SITE, "site-to-site") X(ON_DEMAND, "on-demand") \
	X(REMOTE_ACCESS, "remote-access")

#define SAWATCH_ENUM_PROFILE(n, t) PROFILE_##n,
enum expected_profile { EXPECTED_PROFILES(SAWATCH_ENUM_PROFILE) };

/* as in the configuration; static */
const char *expected_profile_text(enum expected_profile p);
int expected_profile_parse(const char *text);	/* -1 when no profile has that name */

struct expected_override {
	char *key, *value;		/* good for settings_set(): tried when it was taken */
};

struct expected_tunnel {
	char *name;
	struct endpoint peers[2];	/* endpoint_compare() order; port 0: any port */
	bool has_peers;
	enum expected_profile profile;
	size_t n_overrides;
	struct expected_override *overrides;
};

/* All of them; zeros are an empty inventory. */
struct expected {
	struct expected_tunnel *tunnel;
	size_t n, room;
};

void expected_done(struct expected *x);	/* all it holds; it is empty then */

/* A new one, without peers; NULL when the name is taken. */
struct expected_tunnel *expected_add(struct expected *x, const char *name);
/* NULL when there is none */
struct expected_tunnel *expected_named(struct expected *x, const char *name);

/*
 * One line of its section: peers, profile, or a setting that differs for it.  False with the
 * remedy.
 */
bool expected_set(struct expected *x, struct expected_tunnel *t, const char *key, const char *value,
		  struct err *e);

/* The general settings with this tunnel's own in their place. */
void expected_settings(const struct expected_tunnel *t, const struct settings *general,
		       struct settings *ret);

/*
 * The place of the tunnel with these peers (endpoint_compare() order); x->n when it is not
 * expected. A port that the inventory leaves open fits any, but one that names the port fits
 * better.
 */
size_t expected_find(const struct expected *x, const struct endpoint peers[2]);

#endif
