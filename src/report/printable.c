/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text that may have come from a packet or a file name, made safe to show. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

/*
 * Length of the UTF-8 sequence at `s` and its code point; 0 when there is none
 * (RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF).
 */
static size_t utf8_sequence(const unsigned char *s, uint32_t *ret_code)
{
	static const uint32_t smallest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = s[0] < 0x80       ? 1
			: s[0] >> 5 == 6  ? 2
			: s[0] >> 4 == 14 ? 3
			: s[0] >> 3 == 30 ? 4
					  : 0;
	uint32_t code = length == 1 ? s[0] : length == 0 ? 0 : s[0] & (0x7fU >> length);

	for (size_t i = 1; i < length; i++) {
		if (s[i] >> 6 != 2)	/* the terminator stops here too */
			return 0;
		code = code << 6 | (s[i] & 0x3fU);
	}
	if (length == 0 || code < smallest[length] || code > 0x10ffff || code >> 11 == 0x1b)
		return 0;
	*ret_code = code;
	return length;
}

/*
 * C0, DEL, C1, and what hides or turns text: zero width, line separators, bidirectional controls.
 */
static bool is_unsafe(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x061c ||
	       (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
	       (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || code >= 0xe0000;
}

char *report_printable(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char *ret = malloc(4 * strlen(text) + 1);
	char *to = ret;

	memory_or_end(ret);
	while (*s) {
		uint32_t code;
		size_t length = utf8_sequence(s, &code);
		bool keep = length > 0 && !is_unsafe(code);

		if (length == 0)
			length = 1;
		for (; length > 0; length--, s++) {
			if (keep) {
				*to++ = (char)*s;
			} else {
				*to++ = '\\';
				*to++ = 'x';
				*to++ = "0123456789abcdef"[*s >> 4];
				*to++ = "0123456789abcdef"[*s & 15];
			}
		}
	}
	*to = '\0';
	return ret;
}
