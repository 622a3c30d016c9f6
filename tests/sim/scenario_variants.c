/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sawatch is named for once more, as other vendors, paths and versions make it look. */
#include "scenario.h"

#define HOUR 3600.0

static struct sim_pair *through_nat(struct sim_world *w, const char *a, const char *b,
				    unsigned slots)
{
	struct sim_pair *p =
		gate_pair(w, "10.0.0.5", "198.51.100.10", sim_policy(a), sim_policy(b), slots);

	p->net.nat = true;
	p->net.outside = sim_addr("192.0.2.77");
	p->net.nat_port[0] = 31005;
	p->net.nat_port[1] = 31006;
	return p;
}

static struct sim_pair *ipv6(struct sim_world *w, const char *a, const char *b, unsigned slots)
{
	return gate_pair(w, "2001:db8:a::10", "2001:db8:b::10", sim_policy(a), sim_policy(b),
			 slots);
}

/* Every slot has its own rhythm and size. */
static void all_chatter(struct sim_world *w, struct sim_pair *p, unsigned slots, double interval)
{
	for (unsigned slot = 0; slot < slots; slot++) {
		struct sim_traffic t = { .from = gate_a(p),
					 .slot = slot,
					 .interval = interval * (1 + 0.3 * slot),
					 .jitter = 0.3,
					 .size = 76 + 64 * slot,
					 .echo = true,
					 .since = SIM_S };

		gate_traffic(w, &t);
	}
}

static void child_life(struct gate *g, double life, double margin, double jitter)
{
	g->p.child_life = life;
	g->p.child_margin[0] = g->p.child_margin[1] = margin;
	g->p.child_jitter = jitter;
}

static void lossy(struct sim_pair *p)
{
	p->net.loss[0] = p->net.loss[1] = 0.01;
	p->net.tap_at = 0.5;
}

/* ---- (i) lifetimes --------------------------------------------------------- */

/* Three child SAs in IPv6, deleted by B at 20 min each; A would rekey at an hour. */
static void mismatch_v6(struct sim_world *w)
{
	struct sim_pair *p = ipv6(w, "strongswan", "juniper", 3);

	child_life(gate_b(p), 1200, -1, 0);
	gate_a(p)->p.reconnect = 6;
	all_chatter(w, p, 3, 1);
}

static void mismatch_nat_loss(struct sim_world *w)
{
	struct sim_pair *p = through_nat(w, "fortigate", "panos", 1);

	child_life(gate_b(p), 2700, -1, 0);
	gate_a(p)->p.reconnect = 5;
	p->net.loss[0] = p->net.loss[1] = 0.01;
	p->net.tap_at = 0.5;
	all_chatter(w, p, 1, 1);
}

static void mismatch_v1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "ios", "fortigate");

	version1(p);
	gate_a(p)->p.on_demand = false;
	child_life(gate_a(p), 28800, 30, 0);
	child_life(gate_b(p), 3600, -1, 0);
	gate_a(p)->p.reconnect = 7;
	chatter(w, p, 1);
}

static void session_v1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "ios", "asa");

	version1(p);
	gate_a(p)->p.on_demand = gate_b(p)->p.on_demand = false;
	gate_a(p)->p.dpd = gate_b(p)->p.dpd = 0;
	gate_b(p)->p.session = 2 * HOUR;
	gate_a(p)->p.reconnect = 4;
	chatter(w, p, 2);
}

/* From the middle, and the sensor loses packets. */
static void session_middle(struct sim_world *w)
{
	struct sim_pair *p = through_nat(w, "strongswan", "asa", 2);

	gate_b(p)->p.session = 2 * HOUR;
	gate_a(p)->p.reconnect = 3;
	w->tap.start = 2000 * SIM_S;
	w->tap.loss = 0.003;
	all_chatter(w, p, 2, 2);
}

/* ---- (ii) IKE_AUTH that is answered in vain -------------------------------- */

/* With certificates in fragments, and B's liveness probes. */
static void loop_nat(struct sim_world *w)
{
	struct sim_pair *p = asks_in_vain(through_nat(w, "strongswan", "fortigate", 1));

	gate_a(p)->p.cert_len = gate_b(p)->p.cert_len = 2600;
	gate_a(p)->p.fragment = gate_b(p)->p.fragment = 1280;
}

static void loop_v6_loss(struct sim_world *w)
{
	struct sim_pair *p = asks_in_vain(ipv6(w, "ios", "fortigate", 1));

	gate_b(p)->p.dpd = 0;
	lossy(p);
}

/* ---- (iii) identical lifetimes, SPIs that no longer exist ------------------- */

static void collision_nat(struct sim_world *w)
{
	struct sim_pair *p = through_nat(w, "strongswan", "panos", 1);

	child_life(gate_a(p), 3600, 200, 0);
	child_life(gate_b(p), 3600, 200, 0);
	gate_a(p)->p.child_margin[1] = gate_b(p)->p.child_margin[1] = 199.99;
	all_chatter(w, p, 1, 2);
}

/* Quick Modes of both sides. */
static void collision_v1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "panos", "panos");

	version1(p);
	for (unsigned side = 0; side < 2; side++)
		child_life(gate_of(p, side), 3600, 200, 0);
	/* the responder installs with the third message, half a round trip later */
	gate_a(p)->p.child_margin[1] = gate_b(p)->p.child_margin[1] = 200.01;
	all_chatter(w, p, 1, 2);
}

static void collision_v6(struct sim_world *w)
{
	struct sim_pair *p = ipv6(w, "strongswan", "panos", 1);

	child_life(gate_a(p), 3600, 200, 0);
	child_life(gate_b(p), 3600, 200, 0);
	gate_a(p)->p.child_margin[1] = gate_b(p)->p.child_margin[1] = 199.99;
	lossy(p);
	all_chatter(w, p, 1, 2);
}

static void delete_race_nat(struct sim_world *w)
{
	struct sim_pair *p = through_nat(w, "strongswan", "panos", 1);

	child_life(gate_a(p), 3600, 200, 0);
	child_life(gate_b(p), 3600, 60, 0);
	gate_a(p)->p.stuck_out = 2;
	gate_b(p)->p.early_delete = true;
	gate_a(p)->p.dpd = gate_b(p)->p.dpd = 0;
	all_chatter(w, p, 1, 1);
}

static void churn_nat(struct sim_world *w)
{
	struct sim_pair *p = through_nat(w, "strongswan", "fortigate", 3);

	child_life(gate_a(p), 45, 10, 5);
	all_chatter(w, p, 3, 0.4);
}

static void churn_v1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "ios", "fortigate");

	version1(p);
	gate_a(p)->p.on_demand = false;
	child_life(gate_a(p), 60, 15, 5);
	lossy(p);
	chatter(w, p, 0.5);
}

static void flap_v1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "asa");

	version1(p);
	gate_a(p)->p.dpd = gate_b(p)->p.dpd = 0;
	gate_b(p)->p.session = 60;
	chatter(w, p, 0.5);
}

const struct sim_scenario sim_variants[] = {
	{ "mismatch_v6_children", "IPv6, three child SAs: B deletes each at 20 min", 4 * HOUR,
	  mismatch_v6, "lifetime_mismatch", "expiry_gap periodic_drop lifetime_asymmetry", 0 },
	{ "mismatch_nat_loss", "behind a NAT with 1 % loss: B deletes the child SA at 45 min", 6 *
	  HOUR, mismatch_nat_loss, "lifetime_mismatch",
	  "expiry_gap periodic_drop lifetime_asymmetry esp_loss weak_crypto", 128 },
	{ "mismatch_v1_child",
	  "IKEv1: B deletes the child SA at an hour, A would rekey it at eight", 6 * HOUR,
	  mismatch_v1, "lifetime_mismatch",
	  "expiry_gap periodic_drop lifetime_asymmetry weak_crypto", 0 },
	{ "session_v1", "IKEv1 without DPD: B ends the session every two hours", 9 * HOUR,
	  session_v1, "periodic_drop",
	  "expiry_gap lifetime_mismatch lifetime_asymmetry weak_crypto", 0 },
	{ "session_mid_life",
	  "B ends the session every two hours, seen from mid-life by a tap that loses packets", 10 *
	  HOUR, session_middle, "periodic_drop", "expiry_gap lifetime_asymmetry capture_loss", 128
	  },
	{ "loop_nat_fragments",
	  "a new IKE SA every 10 s behind a NAT, certificates in fragments, DPD on", 600, loop_nat,
	  "ike_sa_limit_loop ike_auth_retransmit", "ike_flap dpd_timeout tunnel_down spi_churn", 0
	  },
	{ "loop_v6_loss", "a new IKE SA every 10 s over IPv6 with 1 % loss", 900, loop_v6_loss,
	  "ike_sa_limit_loop ike_auth_retransmit", "ike_flap dpd_timeout tunnel_down spi_churn", 0
	  },
	{ "collision_nat", "both sides rekey at the same moment, behind a NAT", 6 * HOUR,
	  collision_nat, "rekey_collision", "simultaneous_delete lifetime_asymmetry weak_crypto", 0
	  },
	{ "collision_v1", "IKEv1: both sides begin Quick Mode at the same moment", 3 * HOUR,
	  collision_v1, "rekey_collision", "simultaneous_delete lifetime_asymmetry weak_crypto", 0
	  },
	{ "collision_v6_loss", "both sides rekey at the same moment, IPv6 with 1 % loss", 6 * HOUR,
	  collision_v6, "rekey_collision",
	  "simultaneous_delete lifetime_asymmetry weak_crypto esp_loss expiry_gap", 0 },
	{ "delete_race_nat",
	  "B deletes the replaced SA at once, A goes on sending on it, behind a NAT without DPD", 6
	  * HOUR, delete_race_nat, "stale_spi",
	  "simultaneous_delete one_way_esp lifetime_asymmetry weak_crypto rekey_collision", 0 },
	{ "churn_nat_children", "three child SAs behind a NAT are replaced every half minute", 1800,
	  churn_nat, "spi_churn", "lifetime_asymmetry", 0 },
	{ "churn_v1_loss", "IKEv1: the child SA is replaced every 45 s, 1 % loss", 1800, churn_v1,
	  "spi_churn", "lifetime_asymmetry weak_crypto esp_loss", 0 },
	{ "flap_v1", "IKEv1 without DPD: the whole tunnel is set up again every minute", 1800,
	  flap_v1, "ike_flap", "periodic_drop spi_churn expiry_gap weak_crypto", 0 },
	{ 0 },
};
