/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A row to be written: its values are bound one after the other, in the order of the statement's
 * columns.  What is not known becomes NULL.
 */
#ifndef SAWATCH_ROW_H
#define SAWATCH_ROW_H

#include "store/store_parts.h"

/* A statement being filled; the first failure sticks. */
struct row {
	struct store *s;
	sqlite3_stmt *st;
	enum statement which;
	int64_t id;		/* of the row; 0: of a table that is not in PUT_TABLES */
	int at;			/* value bound last */
	int rc;
};

/* Each binds the next value; the first failure is kept in w->rc. */
void row_integer(struct row *w, int64_t number);
void row_known(struct row *w, int64_t number);	/* RECORD_UNKNOWN (any negative) is NULL */
void row_reference(struct row *w, uint64_t id);	/* object or frame: 0 is NULL */
void row_time(struct row *w, nsec at);
/* borrowed until the statement has run; NULL is NULL */
void row_text(struct row *w, const char *text);
void row_esp_spi(struct row *w, uint32_t spi);	/* 0 is NULL */
void row_ike_spi(struct row *w, uint64_t spi, bool zero_is_unknown);
/* two values; 0,0 is none */
void row_ike_spis(struct row *w, uint64_t spi_i, uint64_t spi_r);
void row_endpoint(struct row *w, struct endpoint p);	/* three values: address, port, key */
void row_texts(struct row *w, const char *const *texts, size_t n);	/* [text, ...] */
void row_frames(struct row *w, const uint64_t *frames, size_t n);	/* [number, ...] */

/* A list made by the caller between these two: marks are [ and ] or { and }. */
struct json_text *row_list_begin(struct row *w, char mark);
void row_list_end(struct row *w, char mark);

#endif
