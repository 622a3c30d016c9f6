/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Captures in, something said about them: what other commands share with `sawatch -r`. */
#ifndef SAWATCH_CLI_READ_H
#define SAWATCH_CLI_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/store.h>

#include "cli/read_options.h"

/* Says something about these captures of the store; false when complained. */
struct read_teller {
	bool (*tell)(void *user, struct store *s, const uint32_t *captures, size_t n_captures);
	void *user;
};

/* Read as the options say, then tell; NULL tells the diagnosis.  The exit status. */
int read_and_tell(struct read_options *o, const struct read_teller *teller);

/* The history shows which tunnels are expected; without an inventory it keeps the one it has. */
bool store_inventory(struct store *s, const struct expected *x, struct err *e);

#endif
