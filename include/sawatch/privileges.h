/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the program may still do once the interfaces are open: nothing that takes privilege. */
#ifndef SAWATCH_PRIVILEGES_H
#define SAWATCH_PRIVILEGES_H

#include <stdbool.h>

#include <sawatch/err.h>

/*
 * Started by root: become `user`; NULL is "sawatch" when there is such a user,
 * else nobody else (*ret_stays).  In any case all capabilities are given up
 * (by a root that stays, none) and none can be gained any more.
 */
bool privileges_drop(const char *user, bool *ret_stays, struct err *e);

/* No capability any more, and none to be gained, whoever this is. */
bool privileges_give_up(struct err *e);

#endif
