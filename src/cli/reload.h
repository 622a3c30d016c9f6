/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SIGHUP: the configuration is read again, and takes effect as a whole or not at all. */
#ifndef SAWATCH_CLI_RELOAD_H
#define SAWATCH_CLI_RELOAD_H

#include <stdbool.h>

#include <sawatch/err.h>

#include "cli/read_options.h"

/*
 * Put the settings of the file and the command line into *in_effect, which others look at, and into the
 * expected tunnels of `o` what differs for each; these stay the same tunnels, because others know them by
 * their places.  What it did is said, and what only a restart does.
 * False, after file:line and why: everything is as it was.
 */
bool reload(struct read_options *o, struct settings *in_effect);

#endif
