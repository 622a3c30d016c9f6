/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers and moments as people read them, and text set in lines. */
#ifndef SAWATCH_REPORT_PEOPLE_H
#define SAWATCH_REPORT_PEOPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sawatch/nsec.h>
#include <sawatch/record.h>

enum { COUNT_TEXT_MAX = 32 };

/* "1,234,567"; "unknown" for RECORD_UNKNOWN. */
const char *count_text(int64_t n, char ret[COUNT_TEXT_MAX]);

/* "1 byte", "312 bytes", "1.1 MB" (powers of 1000). */
const char *bytes_text(int64_t bytes, char ret[COUNT_TEXT_MAX]);

/*
 * "12, 345" for `between` ", ": at most RECORD_FRAMES_MAX numbers of frames, in order; "" for none.
 */
enum { FRAMES_TEXT_MAX = RECORD_FRAMES_MAX * 22 };
const char *frames_text(const uint64_t *frames, size_t n, const char *between,
			char ret[FRAMES_TEXT_MAX]);

/* The chosen cipher with its key length, "AES_CBC_128"; NULL when it was not seen. */
enum { ENCRYPTION_TEXT_MAX = 64 };
const char *encryption_text(const struct record_offer *suite, char ret[ENCRYPTION_TEXT_MAX]);

/* "1 tunnel", "3 tunnels": n and the noun. */
void put_counted(FILE *out, int64_t n, const char *noun);

enum { REAL_TEXT_MAX = 32 };

/* "0.25", "-85375556": six digits or more, never in powers of ten where a person can read it. */
const char *real_text(double number, char ret[REAL_TEXT_MAX]);

/*
 * `text` made safe, in lines as report_set_line_width() says where words allow it.  The
 * cursor stands at column `column`; later lines begin at `indent`.  Ends the line.
 */
void put_wrapped(FILE *out, const char *text, int column, int indent);

enum shade { SHADE_PLAIN, SHADE_STRONG, SHADE_GOOD, SHADE_NOTICE, SHADE_BAD, SHADE_FAINT };
void put_shaded(FILE *out, bool colour, enum shade shade, const char *text);

#endif
