/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The codes of conditions, as words of the command line. */
#ifndef SAWATCH_CLI_CONDITION_H
#define SAWATCH_CLI_CONDITION_H

#include <stdbool.h>

#include <sawatch/err.h>

/* All of them, in the catalogue's order; ends with NULL.  Static. */
const char *const *condition_codes(void);

/* False when there is no such condition: `e` begins with the word and names the nearest one. */
bool condition_known(const char *code, struct err *e);

#endif
