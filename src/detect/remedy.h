/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an operator can do about it, per vendor, as data (DETECTION-FACTS 5),
 * and the line to look for in the log of the box (2.5).  sawatch prints these;
 * it runs none of them.
 */
#ifndef SAWATCH_DETECT_REMEDY_H
#define SAWATCH_DETECT_REMEDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/record.h>

/* X(ID, "what it does, for any vendor") */
#define REMEDIES(X) \
	X(LIFE, "Align the lifetimes: the same child policy on both ends (one may be 1 to 5 " \
		"minutes shorter), the IKE lifetime longer than the child's, " \
		"the shorter value on the intended initiator.") \
	X(STAG, "Stagger the phase 2 lifetime by 60 to 300 s on one side, " \
		"lower on the side that should rekey, e.g. 3300 s against 3600 s " \
		"or 28500 s against 28800 s.") \
	X(STAG_IKE, "Stagger the IKE SA lifetime by some minutes on one side, " \
		"lower on the side that should rekey.") \
	X(VOL, "Raise or switch off the volume lifetime; bytes needed = rate x time lifetime.") \
	X(SESS, "Look for a maximum session time (not an SA lifetime) on the side that deletes.") \
	X(IDLE, "Look for an idle timer on the side that deletes, or keep the tunnel busy.") \
	X(KEEP, "Keep the SA alive while nothing is sent: renegotiate automatically, " \
		"or send a probe through the tunnel.") \
	X(CLR, "Force a clean renegotiation on the side that holds the stale SA (interrupts " \
		"its traffic).") \
	X(LOG, "Read the IKE log of both gateways at the times above.") \
	X(DPD, "Check the dead peer detection of both ends, and whether its answers " \
		"can come back.") \
	X(REACH, "Check the path: UDP 500 and 4500 and IP protocol 50 permitted both ways, " \
		"symmetric routes, no rate limiter.") \
	X(PEER, "Check that the responder is configured for this peer's address and identity.") \
	X(NAT4500, "Open UDP 4500 both ways and switch off \"IPsec passthrough\" or ALG on " \
		"the boxes in between.") \
	X(FRAG, "Large IKE messages get lost: use IKE fragmentation, a smaller MTU, " \
		"or smaller certificate chains; a test with a pre-shared key confirms it.") \
	X(AUTHCFG, "Compare pre-shared key, identities and certificates of both ends, " \
		"and their clocks.") \
	X(PROP, "Make the proposals of both ends meet; put the group that the peer wants first.") \
	X(STRONG, "Allow stronger algorithms on both ends (AES-GCM, or AES-CBC with SHA-256; " \
		"group 14, 19 or higher; IKEv2), then remove the weak ones.") \
	X(PFS, "Set the same phase 2 (PFS) group on both ends, or none on both.") \
	X(TS, "Make the traffic selectors (proxy IDs) mirror images of each other; " \
		"if the peer allows one SA pair only, summarise them.") \
	X(ROLE, "Let only one end initiate.") \
	X(SPI, "Let the sender learn that the SPI is gone: invalid SPI recovery, " \
		"or clear the SA on the sending side.") \
	X(ENCAP, "Make both ends use the same encapsulation: " \
		"UDP 4500 forced on both, or NAT traversal off on both when there is no NAT.") \
	X(INITC, "Let the restarted peer announce itself with INITIAL_CONTACT.") \
	X(RPLY, "Widen the replay window, and put all tunnel traffic into one queue: " \
		"QoS after encryption reorders.") \
	X(ESN, "Use extended sequence numbers, or a lower lifetime or volume.") \
	X(KA, "Send NAT keepalives every 20 s and raise the UDP timeout of the NAT box to " \
		"120 s or more.") \
	X(AGGR, "Leave aggressive mode (main mode, better IKEv2), " \
		"then change the pre-shared key: its hash is already exposed.") \
	X(FLOOD, "Admit UDP 500 and 4500 from known peers only, and let the responder ask " \
		"for cookies.") \
	X(TAP, "Look after the capture, not the tunnel: mirror session, tap, capture host.") \
	X(LEGS, "When another file has the other direction, join the two by time first: " \
		"mergecap -w both.pcapng A B.") \
	X(CLOCK, "Let the capture host keep time with NTP, slewing instead of stepping.")

#define REMEDY_ENUM(id, text) REMEDY_##id,
enum remedy { REMEDIES(REMEDY_ENUM) REMEDY_COUNT };

#define VENDORS(X) \
	X(ANY, "any") X(IOS, "Cisco IOS/XE") X(ASA, "Cisco ASA") X(NXOS, "Cisco NX-OS/MDS") \
	X(FORTIOS, "FortiOS") X(PANOS, "PAN-OS") X(STRONGSWAN, "strongSwan") \
	X(LIBRESWAN, "libreswan") \
	X(JUNIPER, "Juniper") X(CHECKPOINT, "Check Point") X(AWS, "AWS") X(AZURE, "Azure") \
	X(WINDOWS, "Windows") X(MIKROTIK, "MikroTik") X(IKED, "OpenBSD iked")

#define VENDOR_ENUM(id, text) VENDOR_##id,
enum vendor { VENDORS(VENDOR_ENUM) VENDOR_COUNT };

/*
 * Bit set of enum vendor that the name of a vendor ID payload stands for; 0 for none in particular.
 */
uint32_t vendors_of_name(const char *name);

enum { REMEDIES_PER_ALERT = 6, ACTIONS_MAX = 24 };

/*
 * The actions of an alert: the general line of each remedy, then the lines of the vendors in
 * `known` (bit set); with none known, the lines of the usual vendors for the first remedy.  Then
 * what to look for in the logs of the known vendors.  Returns how many were written (at most
 * ACTIONS_MAX).
 */
size_t remedy_actions(const char *code, const enum remedy *remedies, size_t n, uint32_t known,
		      struct record_action ret[ACTIONS_MAX]);

#endif
