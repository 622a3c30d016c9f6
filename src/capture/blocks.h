/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes kept in chains of fixed-size blocks; the blocks are allocated once. */
#ifndef SAWATCH_CAPTURE_BLOCKS_H
#define SAWATCH_CAPTURE_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/reader.h>

/* Two of them hold a full Ethernet frame's fragment or segment. */
enum { BLOCK_BYTES = 768 };

struct blocks {
	uint8_t *bytes;
	uint32_t *next;		/* of each block: in its chain, or in the free list */
	uint32_t free, n_free;
};

struct chain {
	uint32_t first, last;
	uint32_t length;	/* bytes */
};

extern const struct chain chain_empty;

bool blocks_init(struct blocks *b, uint32_t n);	/* false: no memory */
void blocks_done(struct blocks *b);

/* How many blocks `length` bytes take. */
uint32_t blocks_for(uint32_t length);

/* False, and nothing appended, when too few blocks are left. */
bool chain_append(struct blocks *b, struct chain *c, struct bytes data);
void chain_copy(const struct blocks *b, const struct chain *c, uint8_t *ret);
void chain_clear(struct blocks *b, struct chain *c);

#endif
