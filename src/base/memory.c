/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/memory.h>

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

static void touch(volatile char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes && i < TABLE_TOUCHED; i += PAGE)
		at[i] = 0;
}

void *memory_table(size_t n, size_t size)
{
	void *at = calloc(n, size);

	if (at)
		touch(at, n * size);
	return at;
}

void *memory_reserve(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	touch(at, bytes);
	return at;
}

void memory_unreserve(void *at, size_t bytes)
{
	if (at)
		munmap(at, bytes);
}

void memory_give_back(void *at, size_t bytes)
{
	uintptr_t from = ((uintptr_t)at + PAGE - 1) / PAGE * PAGE,
		  to = ((uintptr_t)at + bytes) / PAGE * PAGE;

	if (to > from)
		/* a wish: what fails only keeps memory */
		madvise((void *)from, to - from, MADV_DONTNEED);
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
