/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whole IKE messages: what two gateways say to each other, with the lengths of
 * DETECTION-FACTS 1.8.  Each call appends one message to the frame.
 */
#ifndef SIM_IKE_SAY_H
#define SIM_IKE_SAY_H

#include "ike_build.h"

/* What both sides know of an IKE SA. */
struct sim_session {
	uint64_t spi_i, spi_r;
	const struct sim_suite *suite;
	uint16_t group;
	bool v6;			/* of the protected networks: longer selectors */
	uint16_t pfs_group;		/* of child rekeys; 0 none */
	uint8_t id_len;			/* bytes of each identity */
	uint16_t cert_len;		/* 0: PSK */
};

struct sim_init {
	const struct sim_offer *offers;
	unsigned n_offers;
	struct sim_endpoint src, dst;	/* as the sender believes: what NAT detection hashes */
	const void *cookie;		/* request only */
	size_t cookie_len;
	const char *const *vendor_ids;	/* NULL-ended, or NULL */
	bool fragmentation;		/* announces RFC 7383 */
	bool intermediate;		/* announces RFC 9242 */
	uint16_t wrong_group;		/* KE for this group instead of the offer's first; 0 no */
};

void sim_say_init(struct sim_frame *f, const struct sim_session *s, const struct sim_init *i,
		  bool response, struct sim_rng *r);
/* NO_PROPOSAL, INVALID_KE (group as data), COOKIE: the answers that leave no state. */
void sim_say_init_error(struct sim_frame *f, uint64_t spi_i, uint64_t spi_r, uint16_t notify,
			const void *data, size_t n);
/* Unprotected INVALID_SPI (exchange 37, IKE SPIs zero) and INVALID_IKE_SPI (copies the header). */
void sim_say_invalid_spi(struct sim_frame *f, uint32_t spi);
void sim_say_invalid_ike_spi(struct sim_frame *f, const struct sim_ike_head *about);

struct sim_protected {
	uint8_t exchange;
	bool response, by_initiator;	/* sender is the original initiator of this IKE SA */
	uint32_t message_id;
	uint8_t np1;
	size_t inner;
};
void sim_say_protected(struct sim_frame *f, const struct sim_session *s,
		       const struct sim_protected *p, struct sim_rng *r);
/* Fragment number 1..total of the same message, `limit` bytes of inner data each. */
void sim_say_fragment(struct sim_frame *f, const struct sim_session *s,
		      const struct sim_protected *p, unsigned number, unsigned total, size_t limit,
		      struct sim_rng *r);

/* Bytes of the payloads inside SK. */
/* PSK or certificate */
size_t sim_inner_auth(const struct sim_session *s, bool response);
size_t sim_inner_auth_eap(const struct sim_session *s, unsigned round, unsigned rounds,
			  bool response);
size_t sim_inner_auth_no_child(const struct sim_session *s);	/* IDr, AUTH, N(TS_UNACCEPTABLE) */
size_t sim_inner_child(const struct sim_session *s, bool rekey_notify, bool pfs);
size_t sim_inner_ike_rekey(const struct sim_session *s);
enum {
	SIM_INNER_EMPTY = 0, SIM_INNER_ERROR = 8, SIM_INNER_DELETE_IKE = 8,
	SIM_INNER_DELETE_ESP = 12,
};

/* IKEv1.  In phase 1 `id` is 0. */
struct sim_main {
	const struct sim_offer *offers;
	unsigned n_offers;
	struct sim_endpoint src, dst;
	const char *const *vendor_ids;
};
void sim_say_main(struct sim_frame *f, const struct sim_session *s, const struct sim_main *m,
		  unsigned step, struct sim_rng *r); /* step 1..6 */
void sim_say_aggressive(struct sim_frame *f, const struct sim_session *s, const struct sim_main *m,
			unsigned step, struct sim_rng *r);	/* step 1..3 */
void sim_say_quick(struct sim_frame *f, const struct sim_session *s, uint32_t message_id,
		   unsigned step, struct sim_rng *r); /* step 1..3 */
enum sim_info1 { SIM_INFO1_DELETE_ESP, SIM_INFO1_DELETE_IKE, SIM_INFO1_DPD, SIM_INFO1_ERROR };
void sim_say_info1(struct sim_frame *f, const struct sim_session *s, uint32_t message_id,
		   enum sim_info1 what, struct sim_rng *r);
/* Clear notify before phase 1 is complete: NO_PROPOSAL_CHOSEN (14), INVALID_COOKIE (4) … */
void sim_say_info1_clear(struct sim_frame *f, uint64_t cookie_i, uint64_t cookie_r,
			 uint32_t message_id, uint16_t notify);

#endif
