/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/memory.h>

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_TOUCHED = 128 << 10, PAGE = 4096, PIECE = 64 << 10, PIECES_MAX = 64 };

static void (*the_end)(void) = abort;

void (memory_or_end)(bool got)	/* not the macro of the analyser */
{
	if (!got)
		the_end();
}

void memory_set_end(void (*end)(void))
{
	the_end = end;
}

void *memory_table(size_t n, size_t size)
{
	volatile char *at = calloc(n, size);

	for (size_t i = 0; at && i < n * size && i < TABLE_TOUCHED; i += PAGE)
		at[i] = 0;
	return (void *)at;
}

void memory_keep(size_t reserve)
{
	void *pieces[PIECES_MAX];
	size_t n = 0;

	mallopt(M_ARENA_MAX, 1);		/* else each thread has freed memory of its own */
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_MMAP_THRESHOLD, 2 * PIECE);
	while (n < PIECES_MAX && n * PIECE < reserve && (pieces[n] = malloc(PIECE)))
		memset(pieces[n++], 0, PIECE);
	while (n > 0)
		free(pieces[--n]);
}
