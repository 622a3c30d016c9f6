/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SIGHUP: the configuration is read again, and takes effect as a whole or not at all. */
#ifndef SAWATCH_CLI_RELOAD_H
#define SAWATCH_CLI_RELOAD_H

#include <stdbool.h>

#include <sawatch/err.h>

#include "cli/read_options.h"

/*
 * Who has to know that the settings, or the tunnels of `o` (there were `n_before`), are other ones
 * now, in place.
 */
struct reload_taker {
	void *user;
	void (*settings)(void *user);
	/* false: it has no room for so many, and goes on as before */
	bool (*tunnels)(void *user, size_t n_before);
};

/*
 * Put the settings of the file and the command line into *in_effect, which others look at, and its
 * tunnels into those of `o`.  What it did is said, and what only a restart does. False, after
 * file:line and why: everything is as it was.
 */
bool reload(struct read_options *o, struct settings *in_effect, const struct reload_taker *taker);

#endif
