/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A batch of frames on its way from a thread that reads to the one that tracks. */
#ifndef SAWATCH_CLI_BLOCK_H
#define SAWATCH_CLI_BLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/link.h>
#include <sawatch/prepare.h>
#include <sawatch/source.h>

enum { BLOCK_FRAMES = 256 };	/* so that the tracker can fetch ahead */

struct block {
	_Alignas(64) struct prepared_frame list[BLOCK_FRAMES];
	struct frame frames[BLOCK_FRAMES];
	struct packet packets[BLOCK_FRAMES];
	uint8_t *bytes;			/* owned: of frames whose own are gone */
	size_t bytes_room;
	struct prepared prepared;
	bool is_prepared;		/* else only its frames are there */
	int n;				/* as source_read(); 0 and below end the capture */
	bool has_passed;		/* a part of the file, to be given back with the block */
	struct source_passed passed;
	struct err error;		/* of -1 */
	_Atomic bool ready;		/* for the tracker; else it is for those who read */
};

struct block *block_new(void);	/* never NULL */
void block_free(struct block *b);

/* Prepare its frames; when `borrowed`, their bytes are about to go. */
void block_prepare(struct block *b, const struct hash_key *key, bool borrowed);

#endif
