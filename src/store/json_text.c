/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/json_text.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct json_text *j, const char *bytes, size_t length)
{
	if (j->failed)
		return;
	if (length >= j->size - j->used) {
		size_t size = 2 * (j->used + length) + 256;
		char *larger = realloc(j->at, size);

		if (!larger) {
			j->failed = true;
			return;
		}
		j->at = larger;
		j->size = size;
	}
	memcpy(j->at + j->used, bytes, length);
	j->used += length;
	j->at[j->used] = '\0';
}

static void add_text(struct json_text *j, const char *text)
{
	add(j, text, strlen(text));
}

/* Comma between two values; every value begins here. */
static void begin_value(struct json_text *j)
{
	if (j->separate)
		add_text(j, ",");
	j->separate = true;
}

void json_text_clear(struct json_text *j)
{
	j->used = 0;
	j->failed = false;
	j->separate = false;
	add_text(j, "");
}

void json_text_done(struct json_text *j)
{
	free(j->at);
	*j = (struct json_text){ 0 };
}

void json_text_mark(struct json_text *j, char mark)
{
	bool opens = mark == '[' || mark == '{';

	assert(opens || mark == ']' || mark == '}');
	if (opens)
		begin_value(j);
	add(j, &mark, 1);
	j->separate = !opens;
}

/* Length of the UTF-8 sequence at `b`, Unicode table 3-7; 0 when it is none.  `b` is terminated. */
static size_t utf8_length(const unsigned char *b)
{
	unsigned char low = 0x80, high = 0xbf;	/* limits of the second byte */
	size_t length;

	if (b[0] < 0x80)
		return 1;
	if (b[0] >= 0xc2 && b[0] <= 0xdf) {
		length = 2;
	} else if (b[0] >= 0xe0 && b[0] <= 0xef) {
		length = 3;
		if (b[0] == 0xe0)
			low = 0xa0;	/* shorter forms exist */
		if (b[0] == 0xed)
			high = 0x9f;	/* surrogates */
	} else if (b[0] >= 0xf0 && b[0] <= 0xf4) {
		length = 4;
		if (b[0] == 0xf0)
			low = 0x90;
		if (b[0] == 0xf4)
			high = 0x8f;	/* U+10FFFF is the last */
	} else {
		return 0;
	}
	if (b[1] < low || b[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (b[i] < 0x80 || b[i] > 0xbf)
			return 0;
	return length;
}

/* Most of any text: letters that stand for themselves. */
static size_t plain_length(const unsigned char *b)
{
	size_t n = 0;

	while (b[n] >= 0x20 && b[n] < 0x7f && b[n] != '"' && b[n] != '\\')
		n++;
	return n;
}

static void add_quoted(struct json_text *j, const char *text)
{
	const unsigned char *b = (const unsigned char *)text;

	add_text(j, "\"");
	while (*b) {
		size_t length = plain_length(b);

		if (length > 0) {
			add(j, (const char *)b, length);
			b += length;
			continue;
		}
		length = utf8_length(b);
		if (length == 0) {
			add_text(j, "\\ufffd");
			length = 1;
		} else if (*b < 0x20 || *b == 0x7f) {
			char escaped[7];

			snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)*b);
			add_text(j, escaped);
		} else {
			if (*b == '"' || *b == '\\')
				add_text(j, "\\");
			add(j, (const char *)b, length);
		}
		b += length;
	}
	add_text(j, "\"");
}

void json_text_name(struct json_text *j, const char *name)
{
	begin_value(j);
	add_quoted(j, name);
	add_text(j, ":");
	j->separate = false;
}

void json_text_string(struct json_text *j, const char *text)
{
	begin_value(j);
	if (text)
		add_quoted(j, text);
	else
		add_text(j, "null");
}

void json_text_integer(struct json_text *j, int64_t number)
{
	char text[24];

	if (number >= 0) {
		json_text_unsigned(j, (uint64_t)number);
		return;
	}
	begin_value(j);
	snprintf(text, sizeof(text), "%" PRId64, number);
	add_text(j, text);
}

void json_text_unsigned(struct json_text *j, uint64_t number)
{
	char text[20];
	size_t at = sizeof(text);

	begin_value(j);
	do
		text[--at] = (char)('0' + number % 10);
	while (number /= 10);
	add(j, text + at, sizeof(text) - at);
}

/* The shortest text that reads back as the same number, and as a real one. */
void json_text_real(struct json_text *j, double number)
{
	char text[40];

	if (!isfinite(number)) {
		json_text_null(j);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, number);
		if (strtod(text, NULL) == number)
			break;
	}
	begin_value(j);
	add_text(j, text);
	if (!strpbrk(text, ".e"))
		add_text(j, ".0");
}

void json_text_null(struct json_text *j)
{
	json_text_string(j, NULL);
}
