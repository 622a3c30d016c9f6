/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How strong the algorithms of an IKE SA are, by today's judgement
 * (RFC 8247, RFC 9395).  ESP's own are encrypted and not known.
 */
#ifndef SAWATCH_DETECT_SUITE_H
#define SAWATCH_DETECT_SUITE_H

#include <sawatch/text.h>
#include <sawatch/track.h>

enum strength {
	STRENGTH_BROKEN,	/* DES, no encryption, MD5 as integrity, 768-bit group */
	STRENGTH_WEAK,		/* 64-bit block ciphers, groups below 2048 bits */
	STRENGTH_DATED,		/* SHA-1, groups of RFC 5114, IKEv1 itself */
	STRENGTH_GOOD,		/* or not known */
};

/* What was chosen, by its numbers; 0 nothing. */
struct suite {
	uint16_t major, encr, key_bits, integ, prf, group;
};

/* What this IKE SA chose. */
struct suite suite_of(const struct ike_sa *sa);

/* Is the answer of the responder, with what it chose, known? */
bool suite_known(const struct ike_sa *sa);

/* The weakest part of what was chosen; the version counts for suite_strength only. */
enum strength suite_strength(const struct ike_sa *sa);
enum strength suite_algorithms(const struct ike_sa *sa);

/* Names of all chosen parts no stronger than `at_most`, with the version when it counts. */
void suite_names(const struct ike_sa *sa, enum strength at_most, struct text *ret);
/* All of them: "IKEv2 AES_CBC-256 HMAC_SHA2_256_128 MODP_2048". */
void suite_text(const struct suite *suite, struct text *ret);

/* The weakest the initiator offered, and its name; GOOD when nothing was seen. */
enum strength suite_offered(const struct ike_sa *sa, const char **ret_name);

/* Of a Diffie-Hellman group, by its IANA number. */
enum strength group_strength(uint16_t group);

#endif
