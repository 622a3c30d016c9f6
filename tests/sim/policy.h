/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a gateway behaves: timers and habits of the vendors, DETECTION-FACTS 2. */
#ifndef SIM_POLICY_H
#define SIM_POLICY_H

#include "ike_build.h"

enum { SIM_LADDER_MAX = 12 };

/* Times in seconds.  A rekey starts at life - margin - U[0, jitter]. */
struct sim_policy {
	const char *vendor;
	uint8_t version;			/* 1, 2 */
	/* retransmissions, after the first copy; ends with 0 */
	double ladder[SIM_LADDER_MAX];
	double give_up;
	/* [0] as its initiator, [1] as responder; < 0 never */
	double ike_life, ike_margin[2], ike_jitter;
	double child_life, child_margin[2], child_jitter;
	uint64_t child_bytes;			/* rekeys after that many; 0 no limit */
	double dpd;				/* 0 off; probes when nothing was heard that long */
	bool dpd_always;			/* probes although traffic is heard */
	double delete_after;			/* from a rekey to the DELETE of the old SA */
	double keepalive;			/* NAT */
	/* after losing the tunnel; < 0 waits for the peer */
	double reconnect;
	/* sets up SAs only when there is a packet to send */
	bool on_demand;
	bool rekey_needs_traffic;
	/* deletes a child after that long without ESP; 0 never */
	double idle;
	/* deletes the IKE SA at that age whatever happens; 0 never */
	double session;
	unsigned ike_limit;			/* established IKE SAs it keeps; 0 any number */
	/* a new IKE SA instead of a rekey, make before break */
	bool reauthenticate;
	/* np1 of a child rekey is SA: REKEY_SA comes last */
	bool rekey_sa_first;
	bool keeps_old;				/* IKEv1: replaced SAs live until they expire */
	bool invalid_spi;			/* answers ESP it does not know with INVALID_SPI */
	bool spi_c;				/* allocates SPIs in 0xc0000000-0xcfffffff */
	uint16_t pfs_group, group;
	const char *suite;
	/* IKE_AUTH exchanges; 0: one, with a PSK or certificate */
	unsigned eap_rounds;
	/* fragment: largest IP packet before RFC 7383 splits; 0 never */
	uint16_t cert_len, fragment;
	uint32_t offered_life;			/* IKEv1 phase 1 lifetime on the wire */
	bool offered_tlv;
	bool aggressive;
	const char *vendor_ids[4];
	/* faults */
	bool ignores_auth;			/* throws IKE_AUTH responses away */
	bool silent_auth;			/* as responder: never answers IKE_AUTH */
	bool refuses_auth, refuses_child, refuses_rekey, refuses_proposal, silent_child;
	uint16_t wants_group;			/* answers other groups with INVALID_KE */
	unsigned stubborn;			/* as initiator repeats its group that many times */
	bool cookies;
	/* as responder of a rekey deletes the old SA at once */
	bool early_delete;
	/* that many of its rekeys leave it sending on the old SPI */
	unsigned stuck_out;
	bool stuck_in;				/* never switches its own sending to the new SA */
	bool mute_after_rekey;			/* as responder loses its outbound SA at a rekey */
	bool never_expires;
};

/*
 * "strongswan", "libreswan", "ios", "asa", "fortigate", "panos", "juniper", "iked", "aws"; NULL
 * unknown.
 */
const struct sim_policy *sim_policy(const char *vendor);

#endif
