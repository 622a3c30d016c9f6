/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What must hold of what is written for people and programs, whatever texts went into it. */
#ifndef SAWATCH_TESTS_FUZZ_FORMATS_H
#define SAWATCH_TESTS_FUZZ_FORMATS_H

#include <jansson.h>
#include <strings.h>

#include "property.h"

/* The code point at `s` and how long it is; there must be one (RFC 3629 4). */
static inline uint32_t code_at(const unsigned char *s, size_t left, size_t *ret_length)
{
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t code = s[0];

	MUST(length <= left && (s[0] < 0x80 || (s[0] >= 0xc2 && s[0] <= 0xf4)));
	if (length > 1)
		code &= 0xffu >> (length + 1);
	for (size_t i = 1; i < length; i++) {
		MUST((s[i] & 0xc0) == 0x80);
		code = code << 6 | (s[i] & 0x3f);
	}
	MUST(code >= smallest[length] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff));
	*ret_length = length;
	return code;
}

/*
 * Nothing moves a cursor, hides, or turns the direction; `allowed` are the controls that the format
 * needs.
 */
static inline void must_be_plain(const char *text, size_t length, const char *allowed)
{
	const unsigned char *s = (const unsigned char *)text;

	for (size_t i = 0, step; i < length; i += step) {
		uint32_t code = code_at(s + i, length - i, &step);

		if (code < ' ')
			MUST(code != 0 && strchr(allowed, (int)code));
		MUST(code != 0x7f && (code < 0x80 || code > 0x9f));
		/* bidirectional controls, as are the next */
		MUST(code < 0x202a || code > 0x202e);
		MUST(code < 0x2066 || code > 0x2069);
		MUST(code != 0x200e && code != 0x200f && code != 0x061c && code != 0x2028 &&
		     code != 0x2029);
	}
}

static inline void must_be_json_lines(const char *text, size_t length)
{
	const char *at = text, *end = text + length;

	must_be_plain(text, length, "\n");
	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		json_error_t why;

		MUST(newline);
		json_t *line = json_loadb(at, (size_t)(newline - at), JSON_REJECT_DUPLICATES, &why);

		MUST(line && json_is_object(line));
		json_decref(line);
		at = newline + 1;
	}
}

/* RFC 4180: as many cells in every row as in the first. */
static inline void must_be_csv(const char *text, size_t length)
{
	size_t cells = 1, first = 0;
	bool quoted = false;

	must_be_plain(text, length, "\r\n");
	for (size_t i = 0; i < length; i++) {
		if (quoted) {
			if (text[i] == '"' && i + 1 < length && text[i + 1] == '"')
				i++;
			else if (text[i] == '"')
				quoted = false;
		} else if (text[i] == '"') {
			MUST(i == 0 || text[i - 1] == ',' || text[i - 1] == '\n');
			quoted = true;
		} else if (text[i] == ',') {
			cells++;
		} else if (text[i] == '\r') {
			MUST(i + 1 < length && text[i + 1] == '\n');
		} else if (text[i] == '\n') {
			MUST(i > 0 && text[i - 1] == '\r');
			if (first == 0)
				first = cells;
			MUST(cells == first);
			cells = 1;
		}
	}
	MUST(!quoted && length > 0 && text[length - 1] == '\n');
}

/* Prometheus' text format: of a line that is no comment, quotes close, and a number ends it. */
static inline void must_be_metrics(const char *text, size_t length)
{
	must_be_plain(text, length, "\n");
	for (const char *at = text, *end = text + length; at < end; at++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at)), *c = at;
		bool quoted = false;

		MUST(newline);
		at = newline;
		if (*c == '#')
			continue;
		for (; c < newline && (quoted || *c != ' '); c++) {
			if (*c == '"')
				quoted = !quoted;
			else if (quoted && *c == '\\')
				c++;
		}
		MUST(!quoted && c < newline);

		char *number_end;

		strtod(c + 1, &number_end);
		MUST(number_end > c + 1 && number_end == newline);
	}
}

/*
 * Every < begins a tag of ours, with balanced quotes, and every tag is closed in
 * its turn; no script, nothing from elsewhere.  Free text has no < of its own.
 */
static inline void must_be_html(const char *text, size_t length)
{
	static const char *const empty[] = { "meta", "br", "hr", "col", "link", "wbr" };
	char open[64][16];
	size_t n = 0;

	must_be_plain(text, length, "\n\t");
	MUST(length > 9 && strncasecmp(text, "<!doctype", 9) == 0);
	for (size_t i = strcspn(text, ">"); i < length; i++) {
		char name[16] = "";
		bool closing, quoted = false, alone = false;
		size_t k = 0;

		if (text[i] != '<')
			continue;
		closing = text[++i] == '/';
		i += closing;
		while (k + 1 < sizeof(name) &&
		       strchr("abcdefghijklmnopqrstuvwxyz0123456789", text[i] ? text[i] : '>'))
			name[k++] = text[i++];
		MUST(k > 0 && strcmp(name, "script") != 0 && strcmp(name, "img") != 0 &&
		     strcmp(name, "iframe") != 0);
		for (; i < length && (quoted || text[i] != '>'); i++) {
			if (text[i] == '"')
				quoted = !quoted;
			MUST(text[i] != '<');
		}
		MUST(i < length);
		alone = text[i - 1] == '/';
		for (size_t e = 0; e < sizeof(empty) / sizeof(empty[0]); e++)
			alone = alone || strcmp(name, empty[e]) == 0;
		if (closing) {
			if (n == 0 || strcmp(open[n - 1], name) != 0)
				fprintf(stderr, "</%s> closes <%s>, %.80s\n", name,
					n ? open[n - 1] : "", text + i);
			MUST(n > 0 && strcmp(open[n - 1], name) == 0);
			n--;
		} else if (!alone) {
			MUST(n < 64);
			memcpy(open[n++], name, sizeof(name));
		}
	}
	MUST(n == 0);
}

#endif
