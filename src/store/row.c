/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/row.h"

#include <string.h>

static void put(struct row *w, int rc)
{
	if (w->rc == SQLITE_OK)
		w->rc = rc;
}

static void row_null(struct row *w)
{
	put(w, sqlite3_bind_null(w->st, ++w->at));
}

void row_integer(struct row *w, int64_t number)
{
	put(w, sqlite3_bind_int64(w->st, ++w->at, number));
}

/* A number that is never negative: RECORD_UNKNOWN, or an unknown side or answer, is NULL. */
void row_known(struct row *w, int64_t number)
{
	if (number < 0)
		row_null(w);
	else
		row_integer(w, number);
}

/* An object, frame or port of which 0 is "none". */
void row_reference(struct row *w, uint64_t id)
{
	if (id == 0)
		row_null(w);
	else
		row_integer(w, (int64_t)id);
}

void row_time(struct row *w, nsec at)
{
	if (at == NSEC_NONE)
		row_null(w);
	else
		row_integer(w, at);
}

/* Borrowed until the statement has run; NULL is NULL. */
void row_text(struct row *w, const char *text)
{
	put(w, sqlite3_bind_text(w->st, ++w->at, text, -1, SQLITE_STATIC));
}

/* Room until the statement has run; NULL when the row has too much of that. */
static char *scratch(struct row *w, size_t length)
{
	struct store *s = w->s;
	char *at = s->scratch + s->scratched;

	if (length > sizeof(s->scratch) - s->scratched)
		return NULL;
	s->scratched += length;
	return at;
}

static void row_copy(struct row *w, const char *text, size_t length)
{
	char *mine = scratch(w, length);

	if (mine)
		memcpy(mine, text, length);
	put(w, sqlite3_bind_text(w->st, ++w->at, mine ? mine : text, (int)length,
				 mine ? SQLITE_STATIC : SQLITE_TRANSIENT));
}

void row_esp_spi(struct row *w, uint32_t spi)
{
	char text[SPI_TEXT_MAX];

	if (spi == 0)
		row_null(w);
	else
		row_copy(w, spi_text(spi, text), SPI_TEXT_MAX - 1);
}

void row_ike_spi(struct row *w, uint64_t spi, bool zero_is_unknown)
{
	char text[IKE_SPIS_TEXT_MAX];

	if (spi == 0 && zero_is_unknown)
		row_null(w);
	else
		row_copy(w, ike_spis_text(spi, 0, text), 16);	/* the first of the two */
}

void row_ike_spis(struct row *w, uint64_t spi_i, uint64_t spi_r)
{
	row_ike_spi(w, spi_i, spi_r == 0);	/* 0,0 is none */
	row_ike_spi(w, spi_r, true);
}

void row_endpoint(struct row *w, struct endpoint p)
{
	char text[ADDR_TEXT_MAX];
	uint8_t key[16];
	char *mine = scratch(w, sizeof(key));

	addr_text(p.addr, text);
	row_copy(w, text, strlen(text));
	row_integer(w, p.port);
	addr_bytes(p.addr, key);
	if (mine)
		memcpy(mine, key, sizeof(key));
	put(w, sqlite3_bind_blob(w->st, ++w->at, mine ? (const void *)mine : key, sizeof(key),
				 mine ? SQLITE_STATIC : SQLITE_TRANSIENT));
}

struct json_text *row_list_begin(struct row *w, char mark)
{
	json_text_clear(&w->s->json);
	json_text_mark(&w->s->json, mark);
	return &w->s->json;
}

void row_list_end(struct row *w, char mark)
{
	struct json_text *j = &w->s->json;

	json_text_mark(j, mark);
	if (j->failed)
		put(w, SQLITE_NOMEM);
	else
		row_copy(w, j->at, j->used);
}

void row_texts(struct row *w, const char *const *texts, size_t n)
{
	struct json_text *j = row_list_begin(w, '[');

	for (size_t i = 0; i < n; i++)
		json_text_string(j, texts[i]);
	row_list_end(w, ']');
}

void row_frames(struct row *w, const uint64_t *frames, size_t n)
{
	struct json_text *j = row_list_begin(w, '[');

	for (size_t i = 0; i < n; i++)
		json_text_unsigned(j, frames[i]);
	row_list_end(w, ']');
}
