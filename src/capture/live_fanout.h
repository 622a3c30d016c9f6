/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Several packet sockets on one interface (PACKET_FANOUT): the packets between two addresses always
 * go to the same socket.
 */
#ifndef SAWATCH_CAPTURE_LIVE_FANOUT_H
#define SAWATCH_CAPTURE_LIVE_FANOUT_H

#include <stdbool.h>
#include <stddef.h>

/* `fds` are bound to the same interface.  False with errno. */
bool live_fanout_join(const int *fds, size_t n);

#endif
