/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The IKE_AUTH requests of a tunnel that were sent more than once: how often, what answered them,
 * and what their initiator did next.  ike_auth_retransmit.c judges what that means.
 */
#ifndef SAWATCH_DETECT_AUTH_ATTEMPTS_H
#define SAWATCH_DETECT_AUTH_ATTEMPTS_H

#include "detect/detector.h"

enum {
	AUTH_ATTEMPTS = 6,		/* remembered per tunnel */
	AUTH_COPIES = 8,		/* latest transmissions of each */
};

/* One IKE_AUTH request that was sent more than once. */
struct auth_attempt {
	uint64_t spi_i;
	uint32_t message_id;
	int8_t from;
	bool used, eap;
	bool given_up;		/* closed without an answer */
	bool restarted;		/* and the same side began a new IKE SA soon after */
	bool counted;		/* among the rounds, by who judges them */
	bool left;		/* answered, asked again, and then left unused for a new IKE SA */
	bool in_vain;		/* one of several in a row that were */
	bool init_seen;		/* its IKE_SA_INIT was answered on this capture */
	bool not_observable;
	bool went_on;		/* as only who has the answer can */
	nsec first, last, answered;	/* answered NSEC_NONE: never */
	nsec copy[AUTH_COPIES];
	nsec turn;	/* an answer's way to the initiator and its next request's way back here */
	uint16_t copies, responses, after_response;
	uint16_t late;	/* copies too long after the answer to have crossed it */
	uint16_t dst_port, answer_from_port, answer_to_port, src_port;
	bool ip_fragments, answer_ip_fragments;
	uint16_t ike_fragments;
	uint32_t ike_fragments_seen;
	uint16_t answer_fragments;	/* of IKE, in all; 0 it came whole */
	uint32_t answer_fragments_seen;
	uint32_t bytes, answer_bytes;
	uint64_t frames[3];	/* first and latest request, first answer */
};

struct auth_attempts {
	struct auth_attempt attempt[AUTH_ATTEMPTS];
	uint8_t next;
	bool from_4500[2];	/* this side was seen sending from port 4500 */
};

#define AUTH_ATTEMPTS_OBSERVES \
	(WANTS(REQUEST) | WANTS(REQUEST_COPY) | WANTS(RESPONSE) | WANTS(RESPONSE_COPY) | \
	 WANTS(EXCHANGE_CLOSED) | WANTS(IKE_SA_CREATED) | WANTS(ESP_SA_FIRST) | WANTS(KEEPALIVE))

/* Take note of an event; those outside the set above are ignored. */
void auth_attempts_observe(struct auth_attempts *s, const struct scene *sc, const struct event *ev);

/* True when this event would change nothing in `s`. */
bool auth_attempts_ignores(const struct auth_attempts *s, const struct event *ev);
/* Is there a request that was sent more than once? */
bool auth_attempts_any(const struct auth_attempts *s);
/* Its fields, to be kept across a restart (fields.h). */
void auth_attempts_fields(struct fields *f, struct auth_attempts *s);

#endif
