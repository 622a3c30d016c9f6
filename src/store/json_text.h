/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON for the text columns that hold lists.  Whatever bytes go in, valid JSON
 * in UTF-8 comes out: what is not UTF-8 becomes U+FFFD.
 */
#ifndef SAWATCH_JSON_TEXT_H
#define SAWATCH_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
	char *at;		/* terminated; NULL before the first use */
	size_t used, size;
	bool failed;		/* out of memory: `at` is not complete */
	bool separate;		/* the next value needs a comma */
};

void json_text_clear(struct json_text *j);	/* empty, memory kept */
void json_text_done(struct json_text *j);

/* One of "[", "]", "{", "}". */
void json_text_mark(struct json_text *j, char mark);
void json_text_name(struct json_text *j, const char *name);	/* a member's; its value follows */
void json_text_string(struct json_text *j, const char *text);	/* NULL gives null */
void json_text_integer(struct json_text *j, int64_t number);
void json_text_unsigned(struct json_text *j, uint64_t number);
void json_text_real(struct json_text *j, double number);	/* null when JSON cannot say it */
void json_text_null(struct json_text *j);

#endif
