/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/memory.h>

#include <stdlib.h>

static void (*the_end)(void) = abort;

void memory_or_end(bool got)
{
	if (!got)
		the_end();
}

void memory_set_end(void (*end)(void))
{
	the_end = end;
}
