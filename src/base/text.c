/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/text.h>

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text text_in(char *buffer, size_t size)
{
	assert(size > 0);
	buffer[0] = '\0';
	return (struct text){ .at = buffer, .size = size };
}

/* How much of the beginning ends with a whole character of UTF-8. */
static size_t whole_characters(const char *text, size_t length)
{
	size_t lead = length;

	while (lead > 0 && ((unsigned char)text[lead - 1] & 0xc0) == 0x80)
		lead--;
	if (lead == 0)
		return length;

	unsigned char first = (unsigned char)text[lead - 1];
	size_t needs = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

	return length - (lead - 1) < needs ? lead - 1 : length;
}

void text_add(struct text *t, const char *format, ...)
{
	size_t room = t->size - t->used;
	va_list arguments;

	if (t->cut)	/* never go on behind a hole */
		return;
	va_start(arguments, format);
	int wanted = vsnprintf(t->at + t->used, room, format, arguments);
	va_end(arguments);

	assert(wanted >= 0);
	if ((size_t)wanted < room) {
		t->used += (size_t)wanted;
	} else {
		t->used = whole_characters(t->at, t->size - 1);
		t->at[t->used] = '\0';
		t->cut = true;
	}
}

/* All of `bytes` or nothing: half an escape would say something else. */
static bool add_whole(struct text *t, const char *bytes, size_t length)
{
	if (t->cut || length >= t->size - t->used) {
		t->cut = true;
		return false;
	}
	memcpy(t->at + t->used, bytes, length);
	t->used += length;
	t->at[t->used] = '\0';
	return true;
}

static const char hex_digits[] = "0123456789abcdef";

void text_add_escaped(struct text *t, const void *bytes, size_t length)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < length; i++) {
		char escaped[4] = { '\\', 'x', hex_digits[b[i] >> 4], hex_digits[b[i] & 0xf] };
		char plain = (char)b[i];
		bool printable = b[i] >= 0x20 && b[i] <= 0x7e && b[i] != '\\';

		if (!(printable ? add_whole(t, &plain, 1) : add_whole(t, escaped, 4)))
			return;
	}
}

void text_add_times(struct text *t, long long times)
{
	if (times == 1 || times == 2)
		text_add(t, times == 1 ? "once" : "twice");
	else
		text_add(t, "%lld times", times);
}

void text_add_hex(struct text *t, const void *bytes, size_t length)
{
	const uint8_t *b = bytes;

	for (size_t i = 0; i < length; i++) {
		char pair[2] = { hex_digits[b[i] >> 4], hex_digits[b[i] & 0xf] };

		if (!add_whole(t, pair, 2))
			return;
	}
}
