/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a history tells about each tunnel as a whole: how it has been used so far. */
#ifndef SAWATCH_STORE_LEARN_H
#define SAWATCH_STORE_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/record.h>
#include <sawatch/store.h>

struct store_learned {
	struct endpoint peers[2];
	const char *label;		/* of the inventory that the history has; NULL */
	nsec first, last;		/* of its SAs */
	nsec watched_last;		/* latest moment of the history */
	int64_t up_ns;			/* time in which an SA was there */
	int64_t pauses;			/* longer than a minute between them */
	int version;			/* of IKE; 0 none was seen */
	int64_t sessions, ike_sas, child_sas;	/* IKE SAs from scratch; all */
	int64_t idle_ends;		/* child SAs closed because nothing was sent */
	bool user_login;		/* EAP, XAUTH or mode config */
	bool both_ways;			/* ESP, or an IKE SA that was established */
	/* median age at which child SAs are replaced; RECORD_UNKNOWN */
	int64_t rekey_ns;
	const char *who_rekeys;		/* peer address, "both", NULL unknown */
};

/* All tunnels, in the order of their peers. */
bool store_walk_learned(struct store *s, void (*row)(void *user, const struct store_learned *l),
			void *user, struct err *e);

#endif
