/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Structures as bytes and back, for what this program keeps across a restart.
 * Numbers are big-endian, as the reader takes them.  Structures are written as
 * they lie in memory, without runs of zeros, so only a program with the same
 * structures can read them: a stamp of these is stored beside them.
 */
#ifndef SAWATCH_PACK_H
#define SAWATCH_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/reader.h>

/* Counts on when the room is full, so that the caller learns how much was needed. */
struct packer {
	uint8_t *at;
	size_t room, used;
};

void pack_u8(struct packer *p, uint8_t v);	/* these: network byte order */
void pack_u32(struct packer *p, uint32_t v);
void pack_u64(struct packer *p, uint64_t v);
void pack_text(struct packer *p, const char *text);	/* NULL stays NULL */
void pack_image(struct packer *p, const void *structure, size_t size);

/* Borrowed and not terminated; false for NULL, and when the reader failed. */
bool unpack_text(struct reader *r, struct bytes *ret);
/* Of just this size: whatever does not fit is rejected, and all of it is zero then. */
void unpack_image(struct reader *r, void *structure, size_t size);

/* Tells damage from what was written. */
uint64_t pack_sum(const void *bytes, size_t length);

#endif
