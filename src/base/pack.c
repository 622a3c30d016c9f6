/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/pack.h>

#include <string.h>

enum { NO_TEXT = UINT16_MAX, ZEROS_WORTH_A_STEP = 4, STEP_MAX = UINT16_MAX };

static void put(struct packer *p, const void *bytes, size_t n)
{
	if (n <= p->room && p->used <= p->room - n)
		memcpy(p->at + p->used, bytes, n);
	p->used += n;
}

static void put_number(struct packer *p, uint64_t v, size_t bytes)
{
	uint8_t text[8];

	for (size_t i = 0; i < bytes; i++)
		text[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
	put(p, text, bytes);
}

void pack_u8(struct packer *p, uint8_t v)
{
	put_number(p, v, 1);
}

void pack_u32(struct packer *p, uint32_t v)
{
	put_number(p, v, 4);
}

void pack_u64(struct packer *p, uint64_t v)
{
	put_number(p, v, 8);
}

void pack_text(struct packer *p, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length >= NO_TEXT)
		length = NO_TEXT - 1;
	put_number(p, text ? length : NO_TEXT, 2);
	if (length > 0)
		put(p, text, length);
}

static size_t zeros(const uint8_t *at, size_t left)
{
	size_t n = 0;

	while (n < left && n < STEP_MAX && at[n] == 0)
		n++;
	return n;
}

/* Bytes up to the next run of zeros that is worth leaving out. */
static size_t literals(const uint8_t *at, size_t left)
{
	size_t n = 0;

	while (n < left && n < STEP_MAX && zeros(at + n, left - n) < ZEROS_WORTH_A_STEP)
		n++;
	return n;
}

/* Steps of (zeros, literal bytes), two bytes each, then those bytes; until the size is reached. */
void pack_image(struct packer *p, const void *structure, size_t size)
{
	const uint8_t *at = structure;

	pack_u32(p, (uint32_t)size);
	for (size_t done = 0; done < size;) {
		size_t n_zeros = zeros(at + done, size - done);
		size_t n_literals = literals(at + done + n_zeros, size - done - n_zeros);

		put_number(p, n_zeros, 2);
		put_number(p, n_literals, 2);
		put(p, at + done + n_zeros, n_literals);
		done += n_zeros + n_literals;
	}
}

bool unpack_text(struct reader *r, struct bytes *ret)
{
	uint16_t length = reader_u16(r);

	*ret = (struct bytes){ NULL, 0 };
	if (!reader_ok(r) || length == NO_TEXT)
		return false;
	*ret = reader_bytes(r, length);
	return reader_ok(r);
}

void unpack_image(struct reader *r, void *structure, size_t size)
{
	uint8_t *at = structure;
	size_t done = 0;

	memset(structure, 0, size);
	if (reader_u32(r) != size)
		reader_reject(r, VERDICT_MALFORMED);
	while (reader_ok(r) && done < size) {
		size_t n_zeros = reader_u16(r), n_literals = reader_u16(r);
		struct bytes b = reader_bytes(r, n_literals);

		if (n_zeros + n_literals == 0 || n_zeros > size - done ||
		    n_literals > size - done - n_zeros)
			reader_reject(r, VERDICT_MALFORMED);
		if (!reader_ok(r))
			break;
		if (n_literals > 0)
			memcpy(at + done + n_zeros, b.data, n_literals);
		done += n_zeros + n_literals;
	}
	if (!reader_ok(r))
		memset(structure, 0, size);
}

/* FNV-1a, by words of eight bytes for speed. */
uint64_t pack_sum(const void *bytes, size_t length)
{
	const uint8_t *at = bytes;
	uint64_t sum = UINT64_C(0xcbf29ce484222325) ^ length;

	for (; length >= 8; length -= 8, at += 8) {
		uint64_t word;

		memcpy(&word, at, 8);
		sum = (sum ^ word) * UINT64_C(0x100000001b3);
		sum ^= sum >> 29;
	}
	for (; length > 0; length--, at++)
		sum = (sum ^ *at) * UINT64_C(0x100000001b3);
	return sum;
}
