/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of IKEv1 share: ike1.c (phase 1, quick mode, others) and ike1_information.c (the
 * informational exchange, whose messages are not answered).
 */
#ifndef SAWATCH_TRACK_IKE1_PARTS_H
#define SAWATCH_TRACK_IKE1_PARTS_H

#include "track/tracker.h"

/*
 * Length of an encrypted message whose payloads after HASH are `payload` bytes, RFC 2409 5.7; 0
 * when the suite was not captured.
 */
uint32_t ike1_message_bytes(const struct ike_sa *sa, uint32_t payload);

/*
 * The third message of a quick mode was `third` bytes: how long probes and Deletes are, when the
 * suite was not captured (mid-life, or cut by the snapshot length).
 */
void ike1_learn_lengths(struct ike_sa *sa, uint32_t third);

/* Errors in clear, which anybody can forge; `i`: the IKE SA of their cookies, or NO_INDEX. */
void ike1_clear_information(struct tracker *t, uint32_t i, const struct arrival *a,
			    const struct ike_message *m);

/* An informational message of this IKE SA: a Delete, a probe or its echo, a refusal, a notify. */
void ike1_information(struct tracker *t, uint32_t i, const struct arrival *a,
		      const struct ike_message *m, uint64_t hash);

#endif
