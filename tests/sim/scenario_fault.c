/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sawatch is named for, and what flaps. */
#include "scenario.h"

#define HOUR 3600.0

static void spi_churn(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "fortigate");

	gate_a(p)->p.child_life = 40;
	gate_a(p)->p.child_margin[0] = gate_a(p)->p.child_margin[1] = 10;
	gate_a(p)->p.child_jitter = 5;
	chatter(w, p, 0.5);
}

static void auth_answered(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "libreswan");

	gate_a(p)->p.ignores_auth = true;
}

static void auth_port4500(struct sim_world *w)
{
	struct sim_pair *p = gate_pair(w, "10.0.0.5", "198.51.100.10", sim_policy("strongswan"),
				       sim_policy("fortigate"), 1);
	struct sim_drop d = sim_drop_any;

	p->net.nat = true;
	p->net.outside = sim_addr("192.0.2.77");
	p->net.nat_port[0] = 500;
	p->net.nat_port[1] = 4500;
	d.port = 4500;
	add_drop(p, d);
}

static void auth_ip_fragments(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "ios", "asa");
	struct sim_drop d = sim_drop_any;

	gate_a(p)->p.cert_len = gate_b(p)->p.cert_len = 2600;
	gate_a(p)->p.on_demand = false;
	d.fragments = true;
	add_drop(p, d);
}

static void auth_ike_fragments(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");
	struct sim_drop d = sim_drop_any;

	gate_a(p)->p.cert_len = gate_b(p)->p.cert_len = 2600;
	d.before_tap = true;
	d.from = 0;
	d.exchange = X2_AUTH;
	d.datagram = 1;
	p->net.tap_at = 0.9;
	add_drop(p, d);
}

static void auth_silent(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "libreswan", "panos");

	gate_b(p)->p.silent_auth = true;
}

static void mismatch_declared(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	version1(p);
	gate_a(p)->p.ike_margin[0] = gate_a(p)->p.ike_margin[1] = -1;
	gate_a(p)->p.ike_life = gate_a(p)->p.offered_life = 28800;
	gate_b(p)->p.ike_life = gate_b(p)->p.offered_life = 7200;
	gate_b(p)->p.ike_margin[0] = gate_b(p)->p.ike_margin[1] = 540;
	gate_b(p)->p.ike_jitter = 0;
	chatter(w, p, 2);
}

static void mismatch_inferred(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "fortigate");

	gate_b(p)->p.child_life = 1800;		/* at which it deletes, and never rekeys itself */
	gate_b(p)->p.child_margin[0] = gate_b(p)->p.child_margin[1] = -1;
	gate_a(p)->p.reconnect = 8;
	chatter(w, p, 0.5);
}

static void limit_loop(struct sim_world *w)
{
	struct sim_pair *p = asks_in_vain(tunnel(w, "ios", "fortigate"));

	/* on demand, and nothing is to be sent: the Deletes stand alone */
	gate_b(p)->p.dpd = 0;
}

static void periodic_drop(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "asa");

	gate_b(p)->p.session = 3 * HOUR;
	gate_a(p)->p.reconnect = 3;
	chatter(w, p, 1);
}

static void pan_delete_race(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "panos");

	for (unsigned side = 0; side < 2; side++) {
		gate_of(p, side)->p.child_life = 3600;
		gate_of(p, side)->p.child_margin[0] = gate_of(p, side)->p.child_margin[1] =
			side ? 60 : 200;
		gate_of(p, side)->p.child_jitter = 0;
	}
	gate_a(p)->p.stuck_out = 2;
	gate_b(p)->p.early_delete = true;
	chatter(w, p, 1);
}

static void rekey_collision(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "panos");

	for (unsigned side = 0; side < 2; side++) {
		struct gate *g = gate_of(p, side);

		g->p.child_life = 3600;
		g->p.child_margin[0] = 200;
		g->p.child_margin[1] = 199.99;	/* installed half a round trip earlier */
		g->p.child_jitter = 0;
	}
	chatter(w, p, 1);
}

static void ike_flap(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "asa");

	gate_b(p)->p.session = 45;
	chatter(w, p, 0.5);
}

static void duplicate_ike_sa(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "libreswan");

	gate_b(p)->initiates = true;
	chatter(w, p, 1);
}

static void simultaneous(struct sim_world *w, void *object, uint64_t count)
{
	struct sim_pair *p = object;

	(void)w;
	(void)count;
	for (unsigned side = 0; side < 2; side++)
		if (gate_of(p, side)->slots[0].out)
			gate_delete_child(gate_of(p, side)->slots[0].out);
}

static void simultaneous_delete(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "panos");

	gate_a(p)->p.reconnect = gate_b(p)->p.reconnect = 0.5;
	chatter(w, p, 1);
	repeatedly(w, 1500, 1500, simultaneous, p);
}

const struct sim_scenario sim_faults[] = {
	{ "spi_churn", "the child SA is replaced every half minute", 1800, spi_churn,
	  "spi_churn", "lifetime_asymmetry", 0 },
	{ "ike_auth_retransmit_answered", "B answers every IKE_AUTH, A keeps asking", 900,
	  auth_answered, "ike_auth_retransmit",
	  "dpd_timeout ike_flap ike_sa_limit_loop tunnel_down", 0 },
	{ "ike_auth_retransmit_port4500", "UDP 4500 is blocked behind the tap", 900, auth_port4500,
	  "ike_auth_retransmit", "tunnel_down", 0 },
	{ "ike_auth_retransmit_ip_fragments", "IP fragments are lost behind the tap", 900,
	  auth_ip_fragments, "ike_auth_retransmit", "fragment_loss tunnel_down", 0 },
	{ "ike_auth_retransmit_ike_fragments", "the second IKE fragment never comes", 900,
	  auth_ike_fragments, "ike_auth_retransmit", "fragment_loss tunnel_down", 0 },
	{ "ike_auth_retransmit_silent", "B ignores IKE_AUTH", 900, auth_silent,
	  "ike_auth_retransmit", "tunnel_down weak_crypto", 0 },
	{ "lifetime_mismatch_declared", "IKEv1: A offers 8 h, B offers 2 h", 6 * HOUR,
	  mismatch_declared, "lifetime_mismatch",
	  "lifetime_asymmetry weak_crypto rekey_collision", 0 },
	{ "lifetime_mismatch_inferred",
	  "B deletes the child SA at 30 min, A would rekey it at an hour", 6 * HOUR,
	  mismatch_inferred, "lifetime_mismatch", "expiry_gap periodic_drop lifetime_asymmetry", 0
	  },
	{ "ike_sa_limit_loop", "a new IKE SA every 10 s, B keeps four", 600, limit_loop,
	  "ike_sa_limit_loop ike_auth_retransmit", "ike_flap dpd_timeout tunnel_down spi_churn", 0
	  },
	{ "periodic_drop", "B ends the session every three hours though traffic flows", 24 * HOUR,
	  periodic_drop, "periodic_drop", "expiry_gap lifetime_asymmetry", 0 },
	{ "pan_delete_race", "B deletes the replaced SA at once and A goes on sending on it", 6 *
	  HOUR, pan_delete_race, "stale_spi",
	  "simultaneous_delete one_way_esp lifetime_asymmetry weak_crypto rekey_collision", 0 },
	{ "rekey_collision", "both sides rekey at the same moment", 12 * HOUR, rekey_collision,
	  "rekey_collision", "simultaneous_delete lifetime_asymmetry weak_crypto", 0 },
	{ "ike_flap", "the whole tunnel is set up again every 45 s", 1800, ike_flap, "ike_flap",
	  "periodic_drop spi_churn expiry_gap", 0 },
	{ "duplicate_ike_sa", "both sides initiate at once and keep both tunnels", 3 * HOUR,
	  duplicate_ike_sa, "duplicate_ike_sa", "lifetime_asymmetry one_way_esp rekey_collision", 0
	  },
	{ "simultaneous_delete", "both sides delete the child SA at the same moment", 3 * HOUR,
	  simultaneous_delete, "simultaneous_delete",
	  "expiry_gap periodic_drop lifetime_asymmetry weak_crypto", 0 },
	{ 0 },
};
