/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known about the protected packets and about NAT (DETECTION-FACTS
 * 4.4, 4.5): whose side, why, and what would prove it.
 */
#include "report/why.h"

const struct why_line why_traffic[] = {
	/* ---- stale_spi ---- */
	{ "stale_spi", "peer_restarted", WHY_HEAD, NULL,
	  "{sender} still sends on a key that {receiver} no longer has: "
	  "{receiver} started anew and built a new tunnel, but {sender} keeps using the old SPI "
	  "{spi}. Those packets are lost." },
	{ "stale_spi", "deleted", WHY_HEAD, NULL,
	  "{sender} still sends on a key that {receiver} no longer has: "
	  "the SPI {spi} was deleted {dead_for_s} earlier. Those packets are lost." },
	{ "stale_spi", "invalid_spi", WHY_HEAD, NULL,
	  "{sender} still sends on a key that {receiver} does not know: "
	  "{receiver} itself says that the SPI {spi} is invalid. Those packets are lost." },
	{ "stale_spi", NULL, WHY_LOOK, NULL,
	  "Clear the SA on {sender}, which holds the dead one. "
	  "Then look why {receiver} lost it or why {sender} was not told." },
	{ "stale_spi", NULL, WHY_FOR, NULL,
	  "{packets} packets to {receiver} carried the dead SPI." },
	{ "stale_spi", "invalid_spi", WHY_FOR, NULL,
	  "The complaint of {receiver} is unencrypted and names the SPI." },
	{ "stale_spi", "peer_restarted", WHY_FOR, NULL, "{receiver} set up a new phase 1 from "
	  "scratch without deleting the old one, as after a reboot." },
	{ "stale_spi", "peer_restarted", WHY_AGAINST, NULL,
	  "If {receiver} kept the old tunnel beside the new one (two tunnels on purpose), "
	  "it can still decrypt these packets." },
	{ "stale_spi", "deleted", WHY_AGAINST, NULL,
	  "A few packets right after a renewal are normal: they were on the way. "
	  "These came later than that." },
	{ "stale_spi", NULL, WHY_AGAINST, "only_traffic=no",
	  "{sender} also sends on a living SPI: only a part of the traffic is lost." },
	{ "stale_spi", NULL, WHY_THEN, NULL,
	  "To get the lost traffic back at once, clear the SA on {sender}: "
	  "it still sends to {receiver} on the dead SPI {spi}." },
	{ "stale_spi", NULL, WHY_CONFIRM, NULL, "{receiver} counts or logs packets with an "
	  "unknown SPI; {sender} still lists {spi} as outbound." },
	{ "stale_spi", NULL, WHY_REFUTE, NULL,
	  "{receiver} lists {spi} as inbound and its packet counter rises." },

	/* ---- one_way_esp ---- */
	{ "one_way_esp", NULL, WHY_HEAD, NULL,
	  "Traffic runs in one direction only: {silent} stopped sending {silent_for_s} before the "
	  "last packet of {sending}, which kept sending." },
	{ "one_way_esp", NULL, WHY_LOOK, NULL,
	  "Look at {silent} and at the path between it and this capture." },
	{ "one_way_esp", NULL, WHY_FOR, "at_rekey=yes",
	  "It stopped right at a renewal of the keys: {silent} probably has no outbound SA, "
	  "or a wrong one, for the new keys." },
	{ "one_way_esp", NULL, WHY_FOR, "ike_answers=yes",
	  "{silent} still answers IKE: the box lives and its address is reachable; "
	  "only its protected packets are missing." },
	{ "one_way_esp", NULL, WHY_AGAINST, "regular_before=no",
	  "{silent} sent little before as well: it may simply have nothing to say." },
	{ "one_way_esp", NULL, WHY_AGAINST, "regular_before=yes",
	  "An application that ended on {silent} also stops sending; "
	  "that it kept quiet to {packets_of_the_other} packets speaks against it." },
	{ "one_way_esp", NULL, WHY_AGAINST, NULL,
	  "A filter of ESP (IP protocol 50) between {silent} and this capture looks the same as a "
	  "box that does not send." },
	{ "one_way_esp", NULL, WHY_CONFIRM, NULL,
	  "The packet counters of the tunnel on {silent}: \"encrypted\" standing still means the "
	  "box or its routing; rising means that the path loses them." },
	{ "one_way_esp", NULL, WHY_REFUTE, NULL,
	  "{silent} sends another way, past this capture, and {sending} receives it." },

	/* ---- encap_mismatch ---- */
	{ "encap_mismatch", NULL, WHY_HEAD, NULL,
	  "The two sides pack their data differently: one sends plain ESP, "
	  "the other ESP in UDP 4500." },
	{ "encap_mismatch", NULL, WHY_LOOK, NULL, "Compare the NAT-T settings of both sides." },
	{ "encap_mismatch", NULL, WHY_FOR, "encap_a",
	  "{peer_a} sends ESP in: {encap_a}; {peer_b}: {encap_b}." },
	{ "encap_mismatch", NULL, WHY_AGAINST, NULL,
	  "Without a NAT between them a receiver may accept both." },
	{ "encap_mismatch", NULL, WHY_CONFIRM, NULL,
	  "With NAT-T forced (or off) on both, both directions look alike and traffic flows." },
	{ "encap_mismatch", NULL, WHY_REFUTE, NULL,
	  "Both sides count packets received and decrypted: then it does no harm." },

	/* ---- esp_* and seq_* ---- */
	{ "esp_loss", NULL, WHY_HEAD, NULL,
	  "Protected packets are missing: they were sent but did not reach this capture." },
	{ "esp_loss", NULL, WHY_LOOK, "sender",
	  "Look at the path between {sender} and this capture, not behind it." },
	{ "esp_loss", NULL, WHY_LOOK, "!sender",
	  "Look at the path between the sender and this capture, not behind it." },
	{ "esp_loss", NULL, WHY_FOR, NULL, "Every packet carries a number; "
	  "numbers that never come are packets that were lost before." },
	{ "esp_loss", NULL, WHY_AGAINST, NULL, "A capture that itself drops packets looks the "
	  "same, but would hit other tunnels at the same moments." },
	{ "esp_loss", NULL, WHY_CONFIRM, NULL,
	  "A second capture nearer to the sender has the missing numbers." },
	{ "esp_loss", NULL, WHY_REFUTE, NULL,
	  "The receiver counts no loss: then only the copy to this capture is lossy." },
	{ "esp_reorder", NULL, WHY_HEAD, NULL, "Protected packets arrive in another order than "
	  "they were sent; a receiver with a small anti-replay window drops the late ones." },
	{ "esp_reorder", NULL, WHY_LOOK, "sender", "Look for several paths or queues (QoS after "
	  "encryption, link bundles) between {sender} and this capture." },
	{ "esp_reorder", NULL, WHY_LOOK, NULL, "Look for several paths or queues (QoS after "
	  "encryption, link bundles) between the sender and this capture." },
	{ "esp_reorder", NULL, WHY_FOR, NULL, "The numbers in the packets go back and forth." },
	{ "esp_reorder", NULL, WHY_AGAINST, NULL,
	  "A tap that merges two links can swap packets only for this capture." },
	{ "esp_reorder", NULL, WHY_CONFIRM, NULL,
	  "The receiver counts anti-replay drops; with a window of 1024 they vanish." },
	{ "esp_reorder", NULL, WHY_REFUTE, NULL, "The receiver counts no anti-replay drops." },
	{ "esp_replay", NULL, WHY_HEAD, NULL,
	  "Protected packets come a second time, too late to be copies made by the mirror." },
	{ "esp_replay", NULL, WHY_LOOK, NULL,
	  "Look for a loop on the path; if there is none, somebody may be replaying packets." },
	{ "esp_replay", NULL, WHY_AGAINST, NULL, "A receiver drops them by its anti-replay "
	  "check, so the traffic itself does not suffer." },
	{ "esp_replay", NULL, WHY_CONFIRM, NULL,
	  "The receiver counts anti-replay drops at these times." },
	{ "esp_replay", NULL, WHY_REFUTE, NULL,
	  "The receiver counts none: then the copies exist only in this capture." },
	{ "seq_reset", NULL, WHY_HEAD, NULL, "The packet numbers of an SA start over although "
	  "the keys are the same: the receiver takes them for old packets and drops them." },
	{ "seq_reset", NULL, WHY_LOOK, "sender",
	  "Look at {sender}: a fail-over that did not take the counters along, or manual keys." },
	{ "seq_reset", NULL, WHY_LOOK, NULL,
	  "Look at the sender: a fail-over that did not take the counters along, or manual keys." },
	{ "seq_reset", NULL, WHY_CONFIRM, NULL, "The fail-over log of the sender at that "
	  "moment; the receiver counts anti-replay drops." },
	{ "seq_reset", NULL, WHY_REFUTE, NULL,
	  "The SA uses 64-bit numbers (ESN) and only wrapped." },
	{ "seq_exhaustion", NULL, WHY_HEAD, NULL,
	  "The packet numbers of an SA run out; without new keys it has to stop." },
	{ "seq_exhaustion", NULL, WHY_LOOK, "sender", "Look at {sender}: its lifetime or volume "
	  "limit should have led to new keys long before." },
	{ "seq_exhaustion", NULL, WHY_LOOK, NULL, "Look at the sender: its lifetime or volume "
	  "limit should have led to new keys long before." },
	{ "seq_exhaustion", NULL, WHY_AGAINST, NULL, "With 64-bit numbers (ESN) nothing happens "
	  "at the end of the 32 bits; whether they are in use is encrypted." },
	{ "seq_exhaustion", NULL, WHY_CONFIRM, NULL,
	  "The SA stops, or is renewed, when the number is used up." },
	{ "seq_exhaustion", NULL, WHY_REFUTE, NULL, "The number wraps and traffic goes on: ESN." },

	/* ---- fragments, NAT ---- */
	{ "fragment_loss", NULL, WHY_HEAD, NULL, "Packets that are too large for the path are "
	  "sent in fragments, and fragments are missing: large packets do not arrive." },
	{ "fragment_loss", NULL, WHY_LOOK, "sender", "Look at the path from {sender} to "
	  "{receiver} for a box that drops fragments, and at the MTU settings of {sender}." },
	{ "fragment_loss", NULL, WHY_LOOK, NULL, "Look at the path for a box that drops "
	  "fragments, and at the MTU settings of both sides." },
	{ "fragment_loss", NULL, WHY_AGAINST, NULL,
	  "A tap that sees only one of two parallel links misses fragments as well." },
	{ "fragment_loss", NULL, WHY_CONFIRM, NULL, "A ping of 1,300 bytes with \"do not "
	  "fragment\" passes the tunnel, one of 1,472 does not; "
	  "with a smaller MTU or MSS all is well." },
	{ "fragment_loss", NULL, WHY_REFUTE, NULL,
	  "The receiver counts no fragments that could not be put together." },
	{ "nat_keepalive_missing", NULL, WHY_HEAD, NULL, "A side behind a NAT is silent for so "
	  "long that the NAT may forget it; then packets to it are dropped." },
	{ "nat_keepalive_missing", NULL, WHY_LOOK, "behind_nat",
	  "Look at {behind_nat}, which is behind the NAT: it should send a keepalive every 20 "
	  "s; it was silent for up to {longest_s}." },
	{ "nat_keepalive_missing", NULL, WHY_LOOK, NULL,
	  "Look at the side behind the NAT: it should send a keepalive every 20 s." },
	{ "nat_keepalive_missing", NULL, WHY_AGAINST, NULL,
	  "Keepalives may be filtered before this capture, or the NAT may have a long timeout." },
	{ "nat_keepalive_missing", NULL, WHY_CONFIRM, NULL, "After a pause the NAT uses another "
	  "port, or packets from outside stay unanswered until the inside sends." },
	{ "nat_keepalive_missing", NULL, WHY_REFUTE, NULL,
	  "The mapping of the NAT outlives the pauses." },
	{ "nat_rebind", NULL, WHY_HEAD, "moves",
	  "A NAT gives {peer} a new port or address while the tunnel runs ({moves} times); until "
	  "the other side notices, its packets go astray." },
	{ "nat_rebind", NULL, WHY_HEAD, NULL,
	  "A NAT gives a side a new port or address while the tunnel runs; until the peer "
	  "notices, its packets go astray." },
	{ "nat_rebind", NULL, WHY_LOOK, NULL,
	  "Look at the NAT box (timeout for UDP, restarts) and at the keepalives of the side "
	  "behind it." },
	{ "nat_rebind", NULL, WHY_AGAINST, NULL,
	  "A client that moves from one network to another does the same on purpose (MOBIKE)." },
	{ "nat_rebind", NULL, WHY_CONFIRM, NULL,
	  "The change follows a pause that is longer than the UDP timeout of the NAT box." },
	{ "nat_rebind", NULL, WHY_REFUTE, NULL,
	  "It happens in the middle of steady traffic: then look at the NAT box itself." },
	{ NULL, NULL, WHY_HEAD, NULL, NULL },
};
