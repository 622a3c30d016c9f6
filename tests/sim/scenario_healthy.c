/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tunnels that work: nothing here may raise a warning about a tunnel. */
#include "scenario.h"

#define HOUR 3600.0

static void strongswan(struct sim_world *w)
{
	chatter(w, tunnel(w, "strongswan", "strongswan"), 2);
}

static void libreswan(struct sim_world *w)
{
	chatter(w, tunnel(w, "libreswan", "libreswan"), 5);
}

static void ios(struct sim_world *w)
{
	chatter(w, tunnel(w, "ios", "ios"), 2);
}

static void asa(struct sim_world *w)
{
	chatter(w, tunnel(w, "asa", "ios"), 5);
}

static void fortigate(struct sim_world *w)
{
	chatter(w, tunnel(w, "fortigate", "fortigate"), 5);
}

static void panos(struct sim_world *w)
{
	chatter(w, tunnel(w, "panos", "fortigate"), 2);
}

static void aws(struct sim_world *w)
{
	chatter(w, tunnel(w, "strongswan", "aws"), 2);
}

static void juniper(struct sim_world *w)
{
	chatter(w, tunnel(w, "juniper", "juniper"), 2);
}

static void iked(struct sim_world *w)
{
	chatter(w, tunnel(w, "iked", "iked"), 5);
}

static void ikev1(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	version1(p);
	chatter(w, p, 2);
}

static void ikev1_keeps_old(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "ios", "ios");

	version1(p);
	gate_a(p)->p.keeps_old = gate_b(p)->p.keeps_old = true;
	gate_a(p)->p.offered_tlv = gate_b(p)->p.offered_tlv = true;
	gate_a(p)->p.child_jitter = gate_b(p)->p.child_jitter = 120;
	chatter(w, p, 2);
}

static void nat(struct sim_world *w)
{
	struct sim_pair *p = gate_pair(w, "10.0.0.5", "198.51.100.10", sim_policy("strongswan"),
				       sim_policy("strongswan"), 1);
	struct sim_traffic t = {
		.from = gate_a(p), .interval = 1, .on = 60, .off = 300, .size = 76, .echo = true
	};

	p->net.nat = true;
	p->net.outside = sim_addr("192.0.2.77");
	p->net.nat_port[0] = 31005;
	p->net.nat_port[1] = 31006;
	gate_traffic(w, &t);
}

static void udp(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	p->net.float_ike = true;
	gate_a(p)->encap = gate_b(p)->encap = true;
	chatter(w, p, 2);
}

static void tcp(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "libreswan", "libreswan");

	p->net.float_ike = true;
	w->tap.tcp = true;
	chatter(w, p, 2);
}

static void multi_child(struct sim_world *w)
{
	struct sim_pair *p = gate_pair(w, "192.0.2.10", "198.51.100.10", sim_policy("strongswan"),
				       sim_policy("fortigate"), 4);

	for (unsigned slot = 0; slot < 4; slot++) {
		struct sim_traffic t = { .from = gate_a(p),
					 .slot = slot,
					 .interval = 2 + slot,
					 .jitter = 0.4,
					 .size = 76 + 64 * slot,
					 .echo = true,
					 .since = SIM_S };

		gate_traffic(w, &t);
	}
}

static void ipv6(struct sim_world *w)
{
	struct sim_pair *p = gate_pair(w, "2001:db8:a::10", "2001:db8:b::10",
				       sim_policy("strongswan"), sim_policy("libreswan"), 1);

	chatter(w, p, 2);
}

static void eap(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	gate_a(p)->p.eap_rounds = gate_b(p)->p.eap_rounds = 5;
	chatter(w, p, 2);
}

static void certificates(struct sim_world *w, uint16_t fragment)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	gate_a(p)->p.cert_len = gate_b(p)->p.cert_len = 2600;
	gate_a(p)->p.fragment = gate_b(p)->p.fragment = fragment;
	chatter(w, p, 2);
}

static void cert_fragments(struct sim_world *w)
{
	certificates(w, 1280);
}

static void cert_ip_fragments(struct sim_world *w)
{
	certificates(w, 0);
}

static void lossy(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "libreswan");

	p->net.loss[0] = p->net.loss[1] = 0.005;
	p->net.tap_at = 0.5;
	chatter(w, p, 2);
}

static void idle(struct sim_world *w)
{
	tunnel(w, "strongswan", "panos");	/* nothing but DPD and rekeys */
}

static void staggered(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	for (unsigned side = 0; side < 2; side++) {
		gate_of(p, side)->p.child_life = side ? 3780 : 3600;
		gate_of(p, side)->p.child_margin[0] = gate_of(p, side)->p.child_margin[1] = 300;
		gate_of(p, side)->p.child_jitter = 10;
	}
	chatter(w, p, 1);
}

static void reauthentication(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	gate_a(p)->p.reauthenticate = true;
	gate_a(p)->p.ike_life = 3600;
	gate_b(p)->p.ike_margin[0] = gate_b(p)->p.ike_margin[1] = -1;
	chatter(w, p, 1);
}

static void cookies(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	gate_b(p)->p.cookies = true;
	gate_b(p)->p.wants_group = 19;
	chatter(w, p, 2);
}

static void mobike(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	p->net.float_ike = true;	/* IKE on 4500 without NAT, ESP plain */
	chatter(w, p, 2);
}

static void middle(struct sim_world *w)
{
	struct sim_pair *p = tunnel(w, "strongswan", "strongswan");

	w->tap.start = 1000 * SIM_S;
	chatter(w, p, 1);
}

static void mirrored(struct sim_world *w)
{
	w->tap.duplicate = 1;
	chatter(w, tunnel(w, "strongswan", "strongswan"), 1);
}

static void one_sided(struct sim_world *w)
{
	w->tap.only_from = 0;
	chatter(w, tunnel(w, "strongswan", "fortigate"), 1);
}

/* Unrelated tunnels, so that loss in all of them at once points at the tap. */
static void capture_loss(struct sim_world *w)
{
	static const char *const vendors[] = {
		"strongswan", "libreswan", "fortigate", "ios", "panos",
	};

	w->tap.burst_every = 30;
	w->tap.burst_length = 0.15;
	for (unsigned i = 0; i < 5; i++)
		chatter(w, tunnel(w, vendors[i], vendors[(i + 1) % 5]), 0.02);
}

static void capture_loss_thin(struct sim_world *w)
{
	w->tap.loss = 0.002;
	for (unsigned i = 0; i < 3; i++)
		chatter(w, tunnel(w, "strongswan", "strongswan"), 0.1);
}

static void clock_jump(struct sim_world *w)
{
	w->tap.jump_at = 1800 * SIM_S;
	w->tap.jump_by = -90 * SIM_S;
	chatter(w, tunnel(w, "strongswan", "strongswan"), 1);
}

const struct sim_scenario sim_healthy[] = {
	{ "healthy_strongswan", "strongSwan defaults on both sides", 24 * HOUR, strongswan, "",
	  "lifetime_asymmetry rekey_collision simultaneous_delete", 0 },
	{ "healthy_libreswan", "libreswan defaults on both sides: the initiator rekeys", 24 * HOUR,
	  libreswan, "", "lifetime_asymmetry", 0 },
	{ "healthy_ios", "Cisco IOS on both sides, child SA 1 h", 12 * HOUR, ios, "",
	  "lifetime_asymmetry rekey_collision simultaneous_delete", 0 },
	{ "healthy_asa", "ASA and IOS", 24 * HOUR, asa, "", "lifetime_asymmetry", 0 },
	{ "healthy_fortigate", "FortiGate on both sides, 12 h phase 2", 26 * HOUR, fortigate, "",
	  "lifetime_asymmetry rekey_collision simultaneous_delete", 0 },
	{ "healthy_panos", "PAN-OS and FortiGate: the shorter side rekeys", 12 * HOUR, panos, "",
	  "lifetime_asymmetry weak_crypto", 0 },
	{ "healthy_aws", "strongSwan and AWS", 12 * HOUR, aws, "",
	  "lifetime_asymmetry rekey_collision weak_crypto", 0 },
	{ "healthy_juniper", "Juniper: initiator rekeys 135 s, responder 90 s before the end", 12 *
	  HOUR, juniper, "", "lifetime_asymmetry", 0 },
	{ "healthy_iked", "OpenIKED: no IKE rekey, REKEY_SA comes last", 24 * HOUR, iked, "",
	  "lifetime_asymmetry rekey_collision", 0 },
	{ "healthy_ikev1", "IKEv1 main mode with PFS", 12 * HOUR, ikev1, "",
	  "lifetime_asymmetry weak_crypto rekey_collision", 0 },
	{ "healthy_ikev1_keeps_old", "IKEv1 whose replaced SAs live until they expire", 6 * HOUR,
	  ikev1_keeps_old, "", "lifetime_asymmetry weak_crypto rekey_collision", 0 },
	{ "healthy_nat", "A behind a NAT, bursts of traffic and keepalives", 8 * HOUR, nat, "",
	  "lifetime_asymmetry rekey_collision", 0 },
	{ "healthy_udp", "ESP in UDP 4500", 4 * HOUR, udp, "",
	  "lifetime_asymmetry rekey_collision", 0 },
	{ "healthy_tcp", "everything in TCP 4500, RFC 9329", 2 * HOUR, tcp, "",
	  "lifetime_asymmetry", 0 },
	{ "healthy_multi_child", "four child SAs in one IKE SA", 8 * HOUR, multi_child, "",
	  "lifetime_asymmetry", 0 },
	{ "healthy_ipv6", "IPv6", 9 * HOUR, ipv6, "", "lifetime_asymmetry", 0 },
	{ "healthy_eap", "five rounds of IKE_AUTH", 2 * HOUR, eap, "",
	  "lifetime_asymmetry rekey_collision", 0 },
	{ "healthy_cert_fragments", "certificates, RFC 7383 fragments", 2 * HOUR, cert_fragments,
	  "", "lifetime_asymmetry rekey_collision", 0 },
	{ "healthy_cert_ip_fragments", "certificates in IP fragments", 2 * HOUR, cert_ip_fragments,
	  "", "lifetime_asymmetry rekey_collision", 0 },
	{ "healthy_lossy", "half a percent of packets lost on the way", 12 * HOUR, lossy, "",
	  "lifetime_asymmetry rekey_collision esp_loss", 0 },
	{ "healthy_idle", "no traffic, only DPD and rekeys", 12 * HOUR, idle, "",
	  "lifetime_asymmetry weak_crypto", 0 },
	{ "staggered", "lifetimes 180 s apart, as recommended", 12 * HOUR, staggered, "",
	  "lifetime_asymmetry", 0 },
	{ "healthy_reauth", "reauthentication, make before break", 6 * HOUR, reauthentication,
	  "", "lifetime_asymmetry", 0 },
	{ "healthy_cookies", "cookie and INVALID_KE once, then a working tunnel", 2 * HOUR, cookies,
	  "", "invalid_ke lifetime_asymmetry rekey_collision", 0 },
	{ "healthy_mobike", "IKE on 4500 without NAT, ESP plain", 4 * HOUR, mobike, "",
	  "lifetime_asymmetry rekey_collision", 0 },
	{ "mid_life_start", "the capture starts in the middle of a healthy tunnel", 6 * HOUR,
	  middle, "", "lifetime_asymmetry rekey_collision", 0 },
	{ "mirror_duplicates", "the mirror delivers everything twice", 3 * HOUR, mirrored,
	  "mirror_duplicates", "lifetime_asymmetry rekey_collision", 0 },
	{ "one_sided_capture", "only packets from A are captured", 6 * HOUR, one_sided,
	  "one_sided_capture", "lifetime_asymmetry", 0 },
	{ "capture_loss", "the tap loses 150 ms of everything twice a minute", 0.5 * HOUR,
	  capture_loss, "capture_loss", "lifetime_asymmetry weak_crypto", 128 },
	{ "capture_loss_thin", "the tap loses one packet in five hundred", 2 * HOUR,
	  capture_loss_thin, "", "capture_loss lifetime_asymmetry rekey_collision", 128 },
	{ "clock_jump", "the capturing host's clock steps back by 90 s", 1 * HOUR, clock_jump,
	  "clock_jump", "lifetime_asymmetry", 0 },
	{ 0 },
};
