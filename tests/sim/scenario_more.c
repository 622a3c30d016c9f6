/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Set-up failures, lifetimes, and what happens when a side goes away. */
#include "scenario.h"

#define HOUR 3600.0

static void no_child_rekey(struct gate *g)
{
	g->p.child_margin[0] = g->p.child_margin[1] = -1;
}

static void power_off(struct sim_world *w, void *object, uint64_t count)
{
	(void)w;
	(void)count;
	gate_b(object)->off = true;
}

static void init_unanswered(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "fortigate");

	chatter(w, p, 1);
	repeatedly(w, 900, 0, power_off, p);
}

static void init_unanswered_icmp(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	gate_b(p)->off = gate_b(p)->icmp = true;
	gate_a(p)->p.reconnect = 10;
}

static void auth_failed(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "libreswan");

	gate_b(p)->p.refuses_auth = true;
	gate_a(p)->p.reconnect = 45;
}

static void auth_failed_v1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	version1(p);
	gate_b(p)->p.refuses_auth = true;
}

static void no_proposal(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "fortigate", "panos");

	gate_b(p)->p.refuses_proposal = true;
	gate_a(p)->p.reconnect = 30;
}

static void no_proposal_v1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "ios", "panos");

	version1(p);
	gate_a(p)->p.on_demand = false;
	gate_b(p)->p.refuses_proposal = true;
	gate_a(p)->p.reconnect = 30;
}

static void invalid_ke(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "libreswan", "fortigate");

	gate_b(p)->p.wants_group = 14;
	gate_a(p)->p.stubborn = 3;
	gate_a(p)->p.reconnect = 40;
}

static void ts_mismatch(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "fortigate", "strongswan");

	gate_b(p)->p.refuses_child = true;
	gate_a(p)->p.reconnect = 5;	/* auto-negotiate */
	chatter(w, p, 1);
}

static void pfs_mismatch(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "panos");

	no_child_rekey(gate_b(p));
	gate_b(p)->p.child_life = 7200;
	gate_b(p)->p.refuses_rekey = true;
	chatter(w, p, 1);
}

static void hand_over(struct sim_world *w, void *object, uint64_t count)
{
	struct sim_pair *p = object;

	(void)w;
	(void)count;
	gate_a(p)->initiates = false;
	gate_b(p)->initiates = true;
	gate_b(p)->p.reconnect = 0.5;
	if (gate_ike_best(gate_a(p)))
		gate_delete_ike(gate_ike_best(gate_a(p)));
}

static void lifetime_asymmetry(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "panos");

	gate_a(p)->p.child_life = 2000;
	gate_b(p)->p.child_life = 7200;
	chatter(w, p, 2);
	repeatedly(w, 5 * HOUR, 0, hand_over, p);
}

static void rekey_failing(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "juniper");

	no_child_rekey(gate_b(p));
	gate_b(p)->p.silent_child = true;
	chatter(w, p, 1);
}

static void rekey_late(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	for (unsigned side = 0; side < 2; side++) {
		no_child_rekey(gate_of(p, side));
		gate_of(p, side)->p.never_expires = true;
	}
	chatter(w, p, 5);
}

static void expiry_gap(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "panos");

	for (unsigned side = 0; side < 2; side++) {
		no_child_rekey(gate_of(p, side));
		gate_of(p, side)->p.child_life = 3600;
		gate_of(p, side)->p.reconnect = 6;
	}
	gate_b(p)->p.child_life = 3599;
	chatter(w, p, 0.3);
}

/* The rate changes every few minutes, the volume of an SA does not. */
static void volume_expiry(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "fortigate", "fortigate");
	struct sim_traffic slow = {
		.from = gate_a(p), .interval = 0.25, .jitter = 0.2, .size = 1300, .since = SIM_S
	};
	struct sim_traffic fast = slow;

	gate_a(p)->p.child_bytes = 5242880;
	fast.interval = 0.02;
	fast.on = 150;
	fast.off = 700;
	gate_traffic(w, &slow);
	gate_traffic(w, &fast);
}

static void idle_expiry(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "asa", "asa");
	struct sim_traffic t = {
		.from = gate_a(p), .interval = 1, .on = 300, .off = 3300, .size = 76, .echo = true
	};

	for (unsigned side = 0; side < 2; side++)
		gate_of(p, side)->p.idle = side ? 1800 : 0;
	gate_traffic(w, &t);
}

static void forget(struct sim_world *w, void *object, uint64_t count)
{
	(void)w;
	(void)count;
	gate_reboot(gate_b(object), 4);
}

/* B comes back without its SAs; A does not notice and goes on sending. */
static void stale_spi(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "ios", "ios");

	gate_a(p)->p.dpd = 0;
	no_child_rekey(gate_a(p));
	gate_a(p)->p.child_life = 28800;
	gate_b(p)->p.invalid_spi = true;
	chatter(w, p, 1);
	repeatedly(w, 1800, 0, forget, p);
}

static void one_way_esp(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "libreswan");

	no_child_rekey(gate_b(p));
	gate_b(p)->p.mute_after_rekey = true;
	chatter(w, p, 0.5);
}

static void encap_mismatch(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "fortigate");

	gate_b(p)->encap = true;
	chatter(w, p, 1);
}

static void power_on(struct sim_world *w, void *object, uint64_t count)
{
	(void)w;
	(void)count;
	gate_reboot(gate_b(object), 1);
}

static void dpd_timeout(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "fortigate", "strongswan");

	chatter(w, p, 1);
	repeatedly(w, 1200, 0, power_off, p);
	repeatedly(w, 2400, 0, power_on, p);
}

/* tunnel_down.conf expects the first two tunnels, and one that nobody asks for. */
static void tunnel_down(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "fortigate", "strongswan");

	chatter(w, p, 1);
	chatter(w, tunnel(w, "strongswan", "strongswan"), 1);
	repeatedly(w, 1200, 0, power_off, p);
	repeatedly(w, 2400, 0, power_on, p);
}

static void dpd_timeout_v1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	version1(p);
	gate_a(p)->p.dpd = 10;
	chatter(w, p, 1);
	repeatedly(w, 1200, 0, power_off, p);
	repeatedly(w, 2400, 0, power_on, p);
}

/* Seen from mid-life: no suite, and no liveness probe was ever answered before. */
static void dpd_timeout_v1_middle(struct sim_world *w)
{
	dpd_timeout_v1(w);
	w->tap.start = 600 * SIM_S;
}

static void peer_restart_invalid_spi(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "libreswan");

	gate_b(p)->p.invalid_spi = true;
	chatter(w, p, 1);
	repeatedly(w, 2000, 0, forget, p);
}

/* B initiates after its restart; A keeps its old SAs beside the new ones. */
static void forget_and_initiate(struct sim_world *w, void *object, uint64_t count)
{
	struct sim_pair *p = object;

	(void)w;
	(void)count;
	gate_b(p)->initiates = true;
	gate_b(p)->p.reconnect = 2;
	gate_reboot(gate_b(p), 4);
}

static void peer_restart(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "libreswan");

	chatter(w, p, 1);
	repeatedly(w, 2000, 0, forget_and_initiate, p);
}

/* The old IKE SA is heard first when B has forgotten it. */
static void peer_restart_middle(struct sim_world *w)
{
	peer_restart(w);
	w->tap.start = 600 * SIM_S;
}

static void weak_crypto(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "ios", "ios");

	for (unsigned side = 0; side < 2; side++) {
		gate_of(p, side)->p.suite = "3des-md5";
		gate_of(p, side)->p.group = gate_of(p, side)->p.pfs_group = 2;
	}
	chatter(w, p, 2);
}

static void weaken(struct sim_world *w, void *object, uint64_t count)
{
	struct sim_pair *p = object;

	(void)w;
	(void)count;
	for (unsigned side = 0; side < 2; side++) {
		gate_of(p, side)->p.suite = "3des-sha1";
		gate_of(p, side)->p.group = gate_of(p, side)->p.pfs_group = 2;
	}
	if (gate_ike_best(gate_b(p)))
		gate_delete_ike(gate_ike_best(gate_b(p)));
}

static void downgrade(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "fortigate");

	for (unsigned side = 0; side < 2; side++)
		gate_of(p, side)->p.suite = "aes256gcm16-sha384";
	chatter(w, p, 2);
	repeatedly(w, 3000, 0, weaken, p);
}

static void aggressive_psk(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	version1(p);
	gate_a(p)->p.aggressive = gate_b(p)->p.aggressive = true;
	chatter(w, p, 2);
}

const struct sim_scenario sim_more_faults[] = {
	{ "ike_init_unanswered", "B goes away for good", 3600, init_unanswered,
	  "ike_init_unanswered", "dpd_timeout one_way_esp tunnel_down", 0 },
	{ "ike_init_unanswered_icmp", "nothing listens on B, its host says so", 1800,
	  init_unanswered_icmp, "ike_init_unanswered", "tunnel_down", 0 },
	{ "auth_failed", "wrong key: B refuses IKE_AUTH", 1800, auth_failed, "auth_failed",
	  "tunnel_down", 0 },
	{ "auth_failed_v1", "wrong PSK in IKEv1: no answer to the first encrypted message", 1800,
	  auth_failed_v1, "auth_failed", "tunnel_down weak_crypto", 0 },
	{ "no_proposal_chosen", "B accepts none of the algorithms", 1800, no_proposal,
	  "no_proposal_chosen", "tunnel_down", 0 },
	{ "no_proposal_chosen_v1", "the same in IKEv1", 1800, no_proposal_v1,
	  "no_proposal_chosen", "tunnel_down", 0 },
	{ "invalid_ke", "A insists on a group that B does not want", 1800, invalid_ke,
	  "invalid_ke", "tunnel_down", 0 },
	{ "ts_mismatch", "IKE is up, B refuses every child SA", 1800, ts_mismatch, "ts_mismatch",
	  "tunnel_down", 0 },
	{ "pfs_mismatch", "works at first, every rekey is refused", 5 * HOUR, pfs_mismatch,
	  "pfs_mismatch", "rekey_failing expiry_gap periodic_drop ts_mismatch", 0 },
	{ "lifetime_asymmetry", "A always rekeys first, also when B is the initiator", 10 * HOUR,
	  lifetime_asymmetry, "lifetime_asymmetry", "", 0 },
	{ "rekey_failing", "B does not answer CREATE_CHILD_SA", 3 * HOUR, rekey_failing,
	  "rekey_failing", "dpd_timeout expiry_gap periodic_drop peer_restart", 0 },
	{ "rekey_late", "a child SA two days old", 48 * HOUR, rekey_late, "rekey_late",
	  "lifetime_asymmetry", 0 },
	{ "expiry_gap", "nobody rekeys: traffic stops for seconds every hour", 8 * HOUR, expiry_gap,
	  "expiry_gap", "lifetime_mismatch periodic_drop lifetime_asymmetry weak_crypto", 0 },
	{ "volume_expiry", "5 MB a child SA", 2 * HOUR, volume_expiry, "volume_expiry",
	  "lifetime_asymmetry spi_churn one_way_esp", 128 },
	{ "idle_expiry", "half an hour without traffic ends the SA", 8 * HOUR, idle_expiry,
	  "idle_expiry", "", 0 },
	{ "stale_spi", "B lost its SAs and says so, A keeps sending", 2 * HOUR, stale_spi,
	  "stale_spi", "one_way_esp peer_restart", 0 },
	{ "one_way_esp", "after a rekey B sends nothing any more", 2 * HOUR, one_way_esp,
	  "one_way_esp", "dpd_timeout", 0 },
	{ "encap_mismatch", "A sends plain ESP, B sends it in UDP", 1 * HOUR, encap_mismatch,
	  "encap_mismatch", "lifetime_asymmetry", 0 },
	{ "dpd_timeout", "B is dead for twenty minutes", 1 * HOUR, dpd_timeout, "dpd_timeout",
	  "ike_init_unanswered one_way_esp tunnel_down peer_restart", 0 },
	{ "dpd_timeout_v1", "the same in IKEv1", 1 * HOUR, dpd_timeout_v1, "dpd_timeout",
	  "ike_init_unanswered one_way_esp tunnel_down peer_restart weak_crypto stale_spi", 0 },
	{ "dpd_timeout_v1_mid_life", "and seen from mid-life", 1 * HOUR, dpd_timeout_v1_middle,
	  "dpd_timeout",
	  "ike_init_unanswered one_way_esp tunnel_down peer_restart weak_crypto stale_spi", 0 },
	{ "tunnel_down", "B is dead for twenty minutes, and the tunnel is expected to be up", 1.5 *
	  HOUR, tunnel_down, "tunnel_down",
	  "dpd_timeout ike_init_unanswered one_way_esp peer_restart lifetime_asymmetry", 0 },
	{ "peer_restart", "B forgets everything and initiates anew", 2 * HOUR, peer_restart,
	  "peer_restart",
	  "stale_spi one_way_esp dpd_timeout duplicate_ike_sa lifetime_asymmetry", 0 },
	{ "peer_restart_mid_life", "the same, seen from mid-life", 2 * HOUR, peer_restart_middle,
	  "peer_restart",
	  "stale_spi one_way_esp dpd_timeout duplicate_ike_sa lifetime_asymmetry", 0 },
	{ "peer_restart_invalid_spi",
	  "B forgets everything and answers INVALID_SPI until A gives up", 2 * HOUR,
	  peer_restart_invalid_spi, "peer_restart",
	  "stale_spi one_way_esp dpd_timeout duplicate_ike_sa lifetime_asymmetry", 0 },
	{ "weak_crypto", "3DES, MD5 and group 2", 1 * HOUR, weak_crypto, "weak_crypto",
	  "lifetime_asymmetry", 0 },
	{ "downgrade", "AES-GCM one hour, 3DES the next", 2 * HOUR, downgrade, "downgrade",
	  "weak_crypto lifetime_asymmetry", 0 },
	{ "aggressive_psk", "IKEv1 aggressive mode with a PSK", 2 * HOUR, aggressive_psk,
	  "aggressive_psk", "weak_crypto lifetime_asymmetry rekey_collision", 0 },
	{ 0 },
};
