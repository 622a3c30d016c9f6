/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * When there is no memory for a word of the command line or a line of a report
 * there is nothing left to do but to say so and go: the history is as good as
 * after its latest commit.  Tables and buffers of the long run are not asked
 * for here: they come at start-up, and their makers return false with a reason.
 */
#ifndef SAWATCH_MEMORY_H
#define SAWATCH_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Goes on when an allocation gave something; else ends the program as `memory_set_end()` said, or
 * aborts.
 */
void memory_or_end(bool got);
#ifdef __clang_analyzer__	/* which cannot see that it does not come back */
#define memory_or_end(got) ((got) ? (void)0 : __builtin_unreachable())
#endif

/*
 * A table of zeros.  Its first pages are there at once, so that a monitor of a few tunnels does not
 * grow for days, page by page, while they are met in ever other numbers; the rest comes when it is
 * used.
 */
void *memory_table(size_t n, size_t size);

/*
 * `bytes` of zeros for what would need them only at the very worst: addresses, of which no memory
 * is promised before they are used, so that a small machine has them as well.  They begin a page;
 * NULL: none.  memory_unreserve() gives them back; NULL is nothing.
 */
void *memory_reserve(size_t bytes);
void memory_unreserve(void *at, size_t bytes);

/*
 * From now on what is freed stays with the process, and so much of it is there already: then the
 * first sweep of the history, after days, needs nothing new.  Before any other thread begins.
 */
void memory_keep(size_t reserve);

/* `end` does not return, and needs no memory. */
void memory_set_end(void (*end)(void));

#endif
