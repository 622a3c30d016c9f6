/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch -i …` and `sawatch -D`. */
#ifndef SAWATCH_CLI_WATCH_H
#define SAWATCH_CLI_WATCH_H

#include "cli/read_options.h"

/*
 * Watch interfaces until a signal, or -c.  The exit status.  SIGHUP changes what `o` says of
 * expected tunnels.
 */
int watch_run(struct read_options *o);
int watch_list_interfaces(void);

#endif
