/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which files a watching process needs, once it has opened what it was told to open. */
#ifndef SAWATCH_CLI_CONFINE_H
#define SAWATCH_CLI_CONFINE_H

#include <stdbool.h>

#include <sawatch/err.h>

#include "cli/read_options.h"

/* Before the database is opened: temporary files of SQLite go where the database is. */
bool confine_prepare(const struct read_options *o, struct err *e);

/*
 * After everything is open and before the first thread and the first packet: from here on nothing
 * but the folders of the database, of what is written, of the configuration, and the interfaces'
 * counters.
 */
bool confine(const struct read_options *o, struct err *e);

#endif
