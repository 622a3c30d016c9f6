/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Giving up what only root may do, once the interfaces are open and before a packet is read. */
#ifndef SAWATCH_PRIVILEGES_H
#define SAWATCH_PRIVILEGES_H

#include <stdbool.h>

#include <sawatch/err.h>

/*
 * Started by root: become `user`, or with NULL the user "sawatch" if it exists.  *ret_stays: the
 * process is still root, because `user` is root or there is no such user.  Otherwise, root or not,
 * it has no capability any more; and in every case none can be gained (no_new_privs).  False, with
 * the reason in `e`, when the user does not exist or the kernel refuses.
 */
bool privileges_drop(const char *user, bool *ret_stays, struct err *e);

/*
 * Whoever this is: no capability any more, nor a bounding set if it may be emptied.  False with the
 * reason.
 */
bool privileges_give_up(struct err *e);

#endif
