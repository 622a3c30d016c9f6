/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory, where malloc() alone is not enough.  Small allocations, such as a word
 * of the command line or a line of a report, need no error path: when there is
 * no memory for one, memory_or_end() ends the program, and the history is
 * complete up to its latest commit.  Tables are allocated at start-up.
 */
#ifndef SAWATCH_MEMORY_H
#define SAWATCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Returns if `got`, an allocation, succeeded; else ends the program, as set by memory_set_end(). */
void memory_or_end(bool got);
#ifdef __clang_analyzer__	/* which cannot see that it does not come back */
#define memory_or_end(got) ((got) ? (void)0 : __builtin_unreachable())
#endif

/*
 * A table of `n` entries of `size` bytes, all zero; free() it.  NULL: no memory.  Its first pages
 * are touched at once, so that a monitor of a few tunnels does not grow page by page for days; the
 * others take memory when they are used.
 */
void *memory_table(size_t n, size_t size);

/*
 * Address space for `bytes` of zeros that are needed only in the worst case.  A page takes memory
 * when it is used, and none is promised before, so that it works on a small machine.  NULL: not
 * even that.  memory_unreserve() gives it back, and accepts NULL.
 */
void *memory_reserve(size_t bytes);
void memory_unreserve(void *at, size_t bytes);

/* Nobody will ask for these bytes of a table again: the system gets their pages. */
void memory_give_back(void *at, size_t bytes);

/*
 * From now on freed memory stays with the process, and `reserve` bytes are taken at once, so that
 * the first sweep of the history, after days, needs nothing new.  Call it before other threads
 * begin.
 */
void memory_keep(size_t reserve);

/*
 * What ends the program when there is no memory: `end` must not return, nor allocate; else
 * abort().
 */
void memory_set_end(void (*end)(void));

#endif
