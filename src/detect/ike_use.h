/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What became of an IKE SA once it was up: did its initiator ever take it into use? */
#ifndef SAWATCH_DETECT_IKE_USE_H
#define SAWATCH_DETECT_IKE_USE_H

#include "detect/detector.h"

enum ike_use {
	IKE_UNUSED,		/* nothing came of it after the login, or only its Delete */
	IKE_LOGIN,		/* the responder asked for more (XAUTH), and nothing came of it */
	IKE_ASKED,		/* its initiator asked for more, and got no answer */
	IKE_USED,		/* it spoke on, or its child SA carries the initiator's packets */
};

/*
 * By the latest exchanges of each side and by ESP.  Where the initiator is not known, or its peer
 * is out of sight, nothing is said against it: used.
 */
enum ike_use ike_use_of(const struct scene *sc, const struct ike_sa *sa);

/*
 * ESP SAs by this side, begun since then, of which nobody can say whose child SA they belong to:
 * each may be the use of an IKE SA.
 */
unsigned ike_use_unowned(const struct scene *sc, int side, nsec from);

/*
 * Its login was repeated although it was answered, or the responder asked in vain to delete it: who
 * made it never took it for his own.
 */
bool ike_use_refused(const struct ike_sa *sa);

#endif
