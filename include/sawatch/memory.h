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

/* Goes on when an allocation gave something; else ends the program as `memory_set_end()` said, or aborts. */
void memory_or_end(bool got);

/* `end` does not return, and needs no memory. */
void memory_set_end(void (*end)(void));

#endif
