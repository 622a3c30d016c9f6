/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SIGHUP: the configuration is read again, and takes effect as a whole or not at all. */
#ifndef SAWATCH_CLI_RELOAD_H
#define SAWATCH_CLI_RELOAD_H

#include <stdbool.h>

#include <sawatch/err.h>

#include "cli/read_options.h"

/*
 * Put the settings of the file and the command line into *in_effect, which others look at, and the
 * inventory into the empty *ret_expected.  What it did is complained: what keeps its size until a restart, too.
 * False, after file:line and why: everything is as it was.
 */
bool reload(const struct read_options *o, struct settings *in_effect, struct expected *ret_expected);

#endif
