/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text built into a buffer of fixed size: it is always terminated, and what
 * does not fit is dropped and remembered.
 */
#ifndef SAWATCH_TEXT_H
#define SAWATCH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
	char *at;
	size_t size;
	size_t used;		/* without the terminator */
	bool cut;		/* something did not fit */
};

/* An empty text in `buffer` of `size` > 0 bytes. */
struct text text_in(char *buffer, size_t size);
#define TEXT_IN(array) text_in((array), sizeof(array))

/*
 * Add as printf() does.  What does not fit is dropped and sets `cut`; nothing is added after that,
 * so that a text has no hole.
 */
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Add bytes that came from outside: printable ASCII as it is, everything else
 * (control characters, ESC, bytes over 0x7e, backslash) as \xHH.  The result
 * cannot move a cursor or break a line.
 */
void text_add_escaped(struct text *t, const void *bytes, size_t length);

/* How often: "once", "twice", "3 times". */
void text_add_times(struct text *t, long long times);

/* Lower-case hexadecimal of bytes. */
void text_add_hex(struct text *t, const void *bytes, size_t length);

#endif
