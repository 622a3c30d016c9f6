/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The JSON columns of the history as arrays.  SQLite parses the JSON; the arrays and their strings
 * live until lists_clear().
 */
#ifndef SAWATCH_LISTS_H
#define SAWATCH_LISTS_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include <sawatch/record.h>

struct block;

enum { KNOWN_OFFERS = 8 };

struct lists {
	sqlite3_stmt *values;	/* key, type, value of each member */
	sqlite3_stmt *offers, *actions;
	struct block *blocks;
	/* those that were read: of thousands of IKE SAs most say the same */
	struct known_offers {
		char *json;
		const struct record_offer *at;
		size_t n;
		struct block *blocks;
	} known[KNOWN_OFFERS];
	unsigned next_known;
	int rc;			/* first failure; what follows gives empty lists */
};

int lists_open(struct lists *l, sqlite3 *db);	/* SQLITE_OK, or why not */
void lists_close(struct lists *l);
void lists_clear(struct lists *l);	/* what was given is gone */

/* `json` NULL is an empty list.  The result is NULL when it is empty. */
const char *const *lists_texts(struct lists *l, const char *json, size_t *ret_n);
const struct record_offer *lists_offers(struct lists *l, const char *json, size_t *ret_n);
const struct record_evidence *lists_evidence(struct lists *l, const char *json, size_t *ret_n);
const struct record_action *lists_actions(struct lists *l, const char *json, size_t *ret_n);
size_t lists_frames(struct lists *l, const char *json, uint64_t ret[RECORD_FRAMES_MAX]);

#endif
