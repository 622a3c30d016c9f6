/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/lists.h"

#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	max_align_t bytes[];
};

int lists_open(struct lists *l, sqlite3 *db)
{
	*l = (struct lists){ 0 };
	l->rc = sqlite3_prepare_v2(db, "SELECT key, type, atom FROM json_each(?1)", -1, &l->values,
				   NULL);
	if (l->rc == SQLITE_OK)
		l->rc = sqlite3_prepare_v2(db,
			"SELECT json_extract(value, '$.encryption'), json_extract(value,"
			" '$.integrity'), json_extract(value, '$.prf'), json_extract(value,"
			" '$.group'), json_extract(value, '$.auth'), json_extract(value,"
			" '$.key_bits'), json_extract(value, '$.life_seconds'), json_extract(value,"
			" '$.life_kilobytes') FROM json_each(?1)", -1, &l->offers, NULL);
	if (l->rc == SQLITE_OK)
		l->rc = sqlite3_prepare_v2(db,
			"SELECT json_extract(value, '$.vendor'), json_extract(value, '$.text')"
			" FROM json_each(?1)",
			-1, &l->actions, NULL);
	return l->rc;
}

static void free_blocks(struct block *b)
{
	while (b) {
		struct block *next = b->next;

		free(b);
		b = next;
	}
}

void lists_clear(struct lists *l)
{
	free_blocks(l->blocks);
	l->blocks = NULL;
}

static void forget(struct known_offers *k)
{
	free(k->json);
	free_blocks(k->blocks);
	*k = (struct known_offers){ 0 };
}

void lists_close(struct lists *l)
{
	lists_clear(l);
	for (size_t i = 0; i < KNOWN_OFFERS; i++)
		forget(&l->known[i]);
	sqlite3_finalize(l->values);
	sqlite3_finalize(l->offers);
	sqlite3_finalize(l->actions);
	*l = (struct lists){ 0 };
}

static void *keep(struct lists *l, const void *bytes, size_t length)
{
	struct block *b = malloc(sizeof(*b) + length);

	if (!b) {
		l->rc = SQLITE_NOMEM;
		return NULL;
	}
	b->next = l->blocks;
	l->blocks = b;
	return length ? memcpy(b->bytes, bytes, length) : b->bytes;
}

static const char *keep_text(struct lists *l, sqlite3_stmt *st, int column)
{
	const void *text = sqlite3_column_text(st, column);

	return text ? keep(l, text, (size_t)sqlite3_column_bytes(st, column) + 1) : NULL;
}

/* Of what always has one; nothing else wrote this history, but somebody may have. */
static const char *given_text(struct lists *l, sqlite3_stmt *st, int column)
{
	const char *text = keep_text(l, st, column);

	return text ? text : "";
}

/* An array that grows by one member per row of `st`; the member is filled by `read`. */
static void *collect(struct lists *l, sqlite3_stmt *st, const char *json, size_t size,
		     void (*read)(struct lists *l, sqlite3_stmt *st, void *ret), size_t *ret_n)
{
	unsigned char *members = NULL;
	size_t n = 0, room = 0;
	int rc = SQLITE_DONE;

	*ret_n = 0;
	if (l->rc != SQLITE_OK || !json || strcmp(json, "[]") == 0 || strcmp(json, "{}") == 0)
		return NULL;
	sqlite3_bind_text(st, 1, json, -1, SQLITE_STATIC);
	while (l->rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (n == room) {
			unsigned char *larger =
				realloc(members, (room = room ? 2 * room : 8) * size);

			if (!larger) {
				l->rc = SQLITE_NOMEM;
				break;
			}
			members = larger;
		}
		read(l, st, members + n++ * size);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (l->rc == SQLITE_OK && rc != SQLITE_DONE)
		l->rc = rc;

	void *ret = l->rc == SQLITE_OK && n > 0 ? keep(l, members, n * size) : NULL;

	free(members);
	*ret_n = ret ? n : 0;
	return ret;
}

static void read_text(struct lists *l, sqlite3_stmt *st, void *ret)
{
	*(const char **)ret = given_text(l, st, 2);
}

static int64_t stated(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_NULL ? RECORD_UNKNOWN
							      : sqlite3_column_int64(st, column);
}

static void read_offer(struct lists *l, sqlite3_stmt *st, void *ret)
{
	*(struct record_offer *)ret = (struct record_offer){
		.encryption = keep_text(l, st, 0),
		.integrity = keep_text(l, st, 1),
		.prf = keep_text(l, st, 2),
		.group = keep_text(l, st, 3),
		.auth = keep_text(l, st, 4),
		.key_bits = stated(st, 5),
		.life_seconds = stated(st, 6),
		.life_kilobytes = stated(st, 7),
	};
}

static void read_evidence(struct lists *l, sqlite3_stmt *st, void *ret)
{
	struct record_evidence *item = ret;

	*item = (struct record_evidence){ .name = given_text(l, st, 0) };
	switch (sqlite3_column_type(st, 2)) {
	case SQLITE_INTEGER:
		item->type = EVIDENCE_INTEGER;
		item->integer = sqlite3_column_int64(st, 2);
		break;
	case SQLITE_FLOAT:
		item->type = EVIDENCE_REAL;
		item->real = sqlite3_column_double(st, 2);
		break;
	case SQLITE_NULL:
		item->type = EVIDENCE_TEXT;
		break;
	default:
		item->type = EVIDENCE_TEXT;
		item->text = keep_text(l, st, 2);
		break;
	}
}

static void read_action(struct lists *l, sqlite3_stmt *st, void *ret)
{
	*(struct record_action *)ret = (struct record_action){
		.vendor = given_text(l, st, 0),
		.text = given_text(l, st, 1),
	};
}

static void read_frame(struct lists *l, sqlite3_stmt *st, void *ret)
{
	(void)l;
	*(uint64_t *)ret = (uint64_t)sqlite3_column_int64(st, 2);
}

const char *const *lists_texts(struct lists *l, const char *json, size_t *ret_n)
{
	return collect(l, l->values, json, sizeof(const char *), read_text, ret_n);
}

static const struct record_offer *read_offers(struct lists *l, const char *json, size_t *ret_n)
{
	return collect(l, l->offers, json, sizeof(struct record_offer), read_offer, ret_n);
}

const struct record_offer *lists_offers(struct lists *l, const char *json, size_t *ret_n)
{
	struct known_offers *k = &l->known[l->next_known], read = { 0 };
	struct block *others = l->blocks;

	for (size_t i = 0; json && i < KNOWN_OFFERS; i++)
		if (l->known[i].json && strcmp(json, l->known[i].json) == 0) {
			*ret_n = l->known[i].n;
			return l->known[i].at;
		}
	l->blocks = NULL;
	read.at = read_offers(l, json, ret_n);
	read.n = *ret_n;
	read.blocks = l->blocks;
	l->blocks = others;
	if (!read.at || !json) {
		forget(&read);
		return NULL;
	}
	read.json = strdup(json);	/* without memory they are read anew the next time */
	forget(k);
	*k = read;
	l->next_known = (l->next_known + 1) % KNOWN_OFFERS;
	return read.at;
}

const struct record_evidence *lists_evidence(struct lists *l, const char *json, size_t *ret_n)
{
	return collect(l, l->values, json, sizeof(struct record_evidence), read_evidence, ret_n);
}

const struct record_action *lists_actions(struct lists *l, const char *json, size_t *ret_n)
{
	return collect(l, l->actions, json, sizeof(struct record_action), read_action, ret_n);
}

size_t lists_frames(struct lists *l, const char *json, uint64_t ret[RECORD_FRAMES_MAX])
{
	size_t n;
	const uint64_t *frames = collect(l, l->values, json, sizeof(uint64_t), read_frame, &n);

	n = n < RECORD_FRAMES_MAX ? n : RECORD_FRAMES_MAX;
	if (n > 0)
		memcpy(ret, frames, n * sizeof(*ret));
	return n;
}
