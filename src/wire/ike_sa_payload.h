/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SA payloads: proposals, transforms and their attributes, for ike.c only. */
#ifndef SAWATCH_WIRE_IKE_SA_PAYLOAD_H
#define SAWATCH_WIRE_IKE_SA_PAYLOAD_H

#include <sawatch/ike.h>

/*
 * Add what the SA payload `body` offers to `m`.  The lengths decide what
 * there is: MALFORMED is a structure that overruns the one around it or is
 * too short for itself.  The counts and "more follow" marks that say the same
 * once more are not believed, and not judged.
 */
enum verdict ike2_sa_payload_parse(struct reader body, struct ike_message *m);
enum verdict ike1_sa_payload_parse(struct reader body, struct ike_message *m);

#endif
