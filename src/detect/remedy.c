/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Data, and how to choose from it; so this file is as long as the vendors make it. */
#include "detect/remedy.h"

#include <string.h>

static const char *const general[] = {
#define REMEDY_TEXT(id, text) [REMEDY_##id] = text,
	REMEDIES(REMEDY_TEXT)
};

static const char *const vendor_name[] = {
#define VENDOR_TEXT(id, text) [VENDOR_##id] = text,
	VENDORS(VENDOR_TEXT)
};

/* Commands that nobody has yet checked against the vendor's manual say so. */
#define UNVERIFIED " (unverified)"

struct command {
	enum remedy remedy;
	enum vendor vendor;
	const char *text;
};

static const struct command commands[] = {
	{ REMEDY_LIFE, VENDOR_IOS, "crypto ipsec security-association lifetime seconds 3600 (or "
	  "set security-association lifetime in the map or profile); "
	  "crypto ikev2 profile P / lifetime 86400; check: show crypto ipsec sa peer X" },
	{ REMEDY_LIFE, VENDOR_ASA, "crypto map M 10 set security-association lifetime seconds "
	  "28800; crypto ikev1 policy 10 / lifetime 86400 (changing the global lifetime drops "
	  "all tunnels); check: show vpn-sessiondb detail l2l" },
	{ REMEDY_LIFE, VENDOR_NXOS, "crypto global domain ipsec security-association lifetime "
	  "seconds 3600, or per map; new values apply to new SAs only" },
	{ REMEDY_LIFE, VENDOR_FORTIOS, "config vpn ipsec phase1-interface / edit T / set "
	  "keylife 86400; config vpn ipsec phase2-interface / edit T / set keylifeseconds 43200 "
	  "/ set keylife-type seconds; check: diagnose vpn tunnel list name T" },
	{ REMEDY_LIFE, VENDOR_PANOS, "Network > Network Profiles > IKE Crypto > Key Lifetime, "
	  "IPSec Crypto > Lifetime; IKEv2 authentication multiple 0 = no reauthentication; "
	  "check: show vpn ipsec-sa" },
	{ REMEDY_LIFE, VENDOR_STRONGSWAN, "connections.<c>.rekey_time=4h, "
	  "children.<n>.rekey_time=3300s, life_time=3600s; check: swanctl -l" },
	{ REMEDY_LIFE, VENDOR_LIBRESWAN,
	  "ikelifetime=, ipsec-lifetime=, rekeymargin=, rekeyfuzz=" },
	{ REMEDY_STAG, VENDOR_IOS, "set security-association lifetime seconds 3300 on one end" },
	{ REMEDY_STAG, VENDOR_ASA,
	  "crypto map M 10 set security-association lifetime seconds 28500 on one end" },
	{ REMEDY_STAG, VENDOR_NXOS,
	  "crypto global domain ipsec security-association lifetime seconds 3300 on one end" },
	{ REMEDY_STAG, VENDOR_FORTIOS, "set keylifeseconds 42900 in phase 2 on one end" },
	{ REMEDY_STAG, VENDOR_PANOS, "IPSec Crypto profile, Lifetime 28500 s on one end" },
	{ REMEDY_STAG, VENDOR_STRONGSWAN, "enlarge rand_time (default: life minus rekey time)" },
	{ REMEDY_STAG, VENDOR_STRONGSWAN, "children.<n>.rekey_time=0 on the passive side" UNVERIFIED
	  },
	{ REMEDY_STAG, VENDOR_LIBRESWAN, "rekeyfuzz=100%, rekey=no on the passive side" },
	{ REMEDY_STAG_IKE, VENDOR_IOS, "crypto ikev2 profile P / lifetime 86100 on one end" },
	{ REMEDY_STAG_IKE, VENDOR_ASA,
	  "crypto ikev2 policy 10 / lifetime seconds 86100 on one end" },
	{ REMEDY_STAG_IKE, VENDOR_FORTIOS, "set keylife 86100 in phase 1 on one end" },
	{ REMEDY_STAG_IKE, VENDOR_PANOS, "IKE Crypto profile, another Key Lifetime on one end" },
	{ REMEDY_STAG_IKE, VENDOR_STRONGSWAN,
	  "connections.<c>.rekey_time=225m on one end, or enlarge rand_time" },
	{ REMEDY_STAG_IKE, VENDOR_LIBRESWAN, "rekeyfuzz=100%, rekey=no on the passive side" },
	{ REMEDY_VOL, VENDOR_IOS, "crypto ipsec security-association lifetime kilobytes "
	  "536870912, or set security-association lifetime kilobytes disable in the "
	  "map or profile" },
	{ REMEDY_VOL, VENDOR_ASA,
	  "crypto map M 10 set security-association lifetime kilobytes unlimited" },
	{ REMEDY_VOL, VENDOR_NXOS,
	  "crypto global domain ipsec security-association lifetime gigabytes 4000" },
	{ REMEDY_VOL, VENDOR_FORTIOS,
	  "set keylife-type seconds, or raise keylifekbs (its default is only 5120 KB)" },
	{ REMEDY_VOL, VENDOR_PANOS, "IPSec Crypto profile: leave Lifesize empty" },
	{ REMEDY_VOL, VENDOR_STRONGSWAN, "life_bytes=0, rekey_bytes=0 (the default)" },
	{ REMEDY_VOL, VENDOR_IKED, "childsa lifetime 3h bytes 64G" UNVERIFIED },
	{ REMEDY_VOL, VENDOR_WINDOWS,
	  "raise the KB box of the quick mode proposal (default 100 MB)" },
	{ REMEDY_SESS, VENDOR_ASA, "group-policy GP attributes / vpn-session-timeout none, "
	  "attached to the tunnel group by default-group-policy GP; inherited value: "
	  "show run all group-policy DfltGrpPolicy | include timeout" },
	{ REMEDY_SESS, VENDOR_ASA, "vpn-sessiondb logoff ipaddress X to apply it" UNVERIFIED },
	{ REMEDY_SESS, VENDOR_IOS,
	  "session-timeout in the AAA or virtual template authorization" UNVERIFIED },
	{ REMEDY_SESS, VENDOR_FORTIOS, "set idle-timeout disable" },
	{ REMEDY_SESS, VENDOR_FORTIOS, "auth-timeout of dial-up users" UNVERIFIED },
	{ REMEDY_SESS, VENDOR_PANOS,
	  "login lifetime of GlobalProtect; a site-to-site tunnel has no such timer" UNVERIFIED },
	{ REMEDY_SESS, VENDOR_STRONGSWAN,
	  "reauth_time=0; as responder its reauth_time becomes the peer's AUTH_LIFETIME" },
	{ REMEDY_IDLE, VENDOR_IOS,
	  "crypto ipsec security-association idle-time 3600, or remove it" },
	{ REMEDY_IDLE, VENDOR_ASA, "vpn-idle-timeout none" },
	{ REMEDY_IDLE, VENDOR_NXOS,
	  "by design an idle SA is not renegotiated; run a keepalive across FCIP" },
	{ REMEDY_IDLE, VENDOR_FORTIOS, "set idle-timeout disable" },
	{ REMEDY_IDLE, VENDOR_STRONGSWAN, "inactivity=0" },
	{ REMEDY_KEEP, VENDOR_IOS, "ip sla 1 / icmp-echo X source-interface Y" },
	{ REMEDY_KEEP, VENDOR_FORTIOS,
	  "config vpn ipsec phase2-interface / set keepalive enable / set auto-negotiate enable" },
	{ REMEDY_KEEP, VENDOR_PANOS, "IPSec Tunnels > Tunnel Monitor" },
	{ REMEDY_KEEP, VENDOR_STRONGSWAN,
	  "start_action=start|trap, close_action=start, dpd_action=restart" },
	{ REMEDY_KEEP, VENDOR_LIBRESWAN, "auto=start or keep" },
	{ REMEDY_CLR, VENDOR_IOS, "clear crypto sa peer X; clear crypto session remote X" },
	{ REMEDY_CLR, VENDOR_IOS, "clear crypto ikev2 sa remote X" UNVERIFIED },
	{ REMEDY_CLR, VENDOR_ASA, "clear crypto ipsec sa peer X" },
	{ REMEDY_CLR, VENDOR_ASA, "clear crypto ikev2 sa X" UNVERIFIED },
	{ REMEDY_CLR, VENDOR_NXOS,
	  "clear crypto sa domain ipsec interface gigabitethernet 2/1 inbound sa 1" },
	{ REMEDY_CLR, VENDOR_FORTIOS,
	  "diagnose vpn tunnel flush T; diagnose vpn ike gateway flush name T" },
	{ REMEDY_CLR, VENDOR_PANOS, "clear vpn ike-sa gateway G; clear vpn ipsec-sa tunnel T; "
	  "then test vpn ike-sa gateway G, test vpn ipsec-sa tunnel T (on the initiator)" },
	{ REMEDY_CLR, VENDOR_STRONGSWAN,
	  "swanctl --rekey --child N, or swanctl --terminate --ike C and --initiate --child N" },
	{ REMEDY_CLR, VENDOR_LIBRESWAN, "ipsec auto --replace and --up" UNVERIFIED },
	{ REMEDY_LOG, VENDOR_IOS, "debug crypto ikev2, debug crypto isakmp, debug crypto ipsec; "
	  "show crypto session detail" },
	{ REMEDY_LOG, VENDOR_ASA, "packet-tracer input inside icmp ..." },
	{ REMEDY_LOG, VENDOR_ASA,
	  "debug crypto condition peer X; debug crypto ikev2 protocol 127" UNVERIFIED },
	{ REMEDY_LOG, VENDOR_NXOS, "show crypto sa domain interface gigabitethernet slot/port" },
	{ REMEDY_LOG, VENDOR_FORTIOS, "diagnose debug application ike -1; "
	  "diagnose debug enable; get vpn ipsec tunnel summary" },
	{ REMEDY_LOG, VENDOR_PANOS,
	  "less mp-log ikemgr.log; show vpn ike-sa detail gateway G; show vpn flow" },
	{ REMEDY_LOG, VENDOR_STRONGSWAN,
	  "swanctl --log; charon.filelog.<f>.ike=2; ip -s xfrm state" },
	{ REMEDY_DPD, VENDOR_IOS,
	  "crypto isakmp keepalive 10 3 periodic; crypto ikev2 dpd 10 3 periodic" },
	{ REMEDY_DPD, VENDOR_ASA,
	  "tunnel-group X ipsec-attributes / isakmp keepalive threshold 10 retry 2, on both ends" },
	{ REMEDY_DPD, VENDOR_NXOS, "keepalive 60 under crypto ike domain ipsec" UNVERIFIED },
	{ REMEDY_DPD, VENDOR_FORTIOS, "set dpd on-idle / set dpd-retryinterval 10 / set "
	  "dpd-retrycount 3 (the default is on demand)" },
	{ REMEDY_DPD, VENDOR_PANOS, "IKE Gateway > Advanced > Liveness Check, "
	  "5 s (off by default; it takes 319 s to give up)" },
	{ REMEDY_DPD, VENDOR_STRONGSWAN, "dpd_delay=30s, dpd_action=restart; "
	  "it gives up by charon.retransmit_tries, _timeout and _base" },
	{ REMEDY_DPD, VENDOR_LIBRESWAN, "dpddelay=30, retransmit-timeout=60s" },
	{ REMEDY_REACH, VENDOR_IOS, "show ip access-lists; ping X source Y" },
	{ REMEDY_REACH, VENDOR_ASA, "capture C interface outside match udp any any eq 500" },
	{ REMEDY_REACH, VENDOR_FORTIOS,
	  "diagnose sniffer packet any 'host X and (udp port 500 or 4500 or esp)' 4" },
	{ REMEDY_REACH, VENDOR_PANOS, "debug ike pcap on" },
	{ REMEDY_REACH, VENDOR_STRONGSWAN,
	  "tcpdump -ni any 'host X and (udp port 500 or 4500 or esp)'" },
	{ REMEDY_PEER, VENDOR_IOS, "show crypto map; set peer X" },
	{ REMEDY_PEER, VENDOR_ASA, "show run tunnel-group" },
	{ REMEDY_PEER, VENDOR_FORTIOS, "set remote-gw X; set peertype any" },
	{ REMEDY_PEER, VENDOR_PANOS, "IKE Gateway > peer address" },
	{ REMEDY_PEER, VENDOR_STRONGSWAN, "remote_addrs=X" },
	{ REMEDY_NAT4500, VENDOR_IOS, "crypto ipsec nat-transparency udp-encapsulation" },
	{ REMEDY_NAT4500, VENDOR_ASA, "crypto isakmp nat-traversal 20" },
	{ REMEDY_NAT4500, VENDOR_FORTIOS,
	  "set nattraversal enable (or forced); as a way out: set transport auto" },
	{ REMEDY_NAT4500, VENDOR_PANOS, "IKE Gateway > Enable NAT Traversal" },
	{ REMEDY_NAT4500, VENDOR_STRONGSWAN, "encap=yes" },
	{ REMEDY_NAT4500, VENDOR_LIBRESWAN,
	  "encapsulation=yes; as a way out: enable-tcp=fallback" },
	{ REMEDY_FRAG, VENDOR_IOS, "crypto ikev2 fragmentation mtu 1200; for the data: "
	  "crypto ipsec fragmentation before-encryption, crypto ipsec df-bit clear, "
	  "ip tcp adjust-mss 1360" },
	{ REMEDY_FRAG, VENDOR_ASA, "crypto ipsec fragmentation before-encryption outside; "
	  "crypto ipsec df-bit clear-df outside" },
	{ REMEDY_FRAG, VENDOR_ASA,
	  "crypto ikev2 fragmentation mtu 576; sysopt connection tcpmss 1360" UNVERIFIED },
	{ REMEDY_FRAG, VENDOR_NXOS, "lower the MTU of the FCIP or Ethernet interface" UNVERIFIED },
	{ REMEDY_FRAG, VENDOR_FORTIOS, "set fragmentation enable / set fragmentation-mtu 1200 "
	  "(acts from the first retransmission on); set tcp-mss 1379 on the interface" },
	{ REMEDY_FRAG, VENDOR_PANOS, "tunnel interface MTU 1400 and Adjust TCP MSS" },
	{ REMEDY_FRAG, VENDOR_PANOS, "IKE Gateway > IKEv2 fragmentation" UNVERIFIED },
	{ REMEDY_FRAG, VENDOR_STRONGSWAN, "fragmentation=yes, charon.fragment_size=1280" },
	{ REMEDY_FRAG, VENDOR_LIBRESWAN, "fragmentation=yes" },
	{ REMEDY_AUTHCFG, VENDOR_IOS, "crypto ikev2 keyring / peer / pre-shared-key local and "
	  "remote; match identity remote ..." },
	{ REMEDY_AUTHCFG, VENDOR_ASA, "tunnel-group X ipsec-attributes / ikev2 "
	  "remote-authentication pre-shared-key ... / ikev2 local-authentication "
	  "pre-shared-key ..." },
	{ REMEDY_AUTHCFG, VENDOR_FORTIOS,
	  "set psksecret ...; set localid; set peertype any or one; set peerid" },
	{ REMEDY_AUTHCFG, VENDOR_PANOS,
	  "IKE Gateway > local and peer identification, pre-shared key" },
	{ REMEDY_AUTHCFG, VENDOR_STRONGSWAN, "secrets.ike-x.secret, local.id, remote.id" },
	{ REMEDY_PROP, VENDOR_IOS, "crypto ikev2 proposal P / encryption aes-cbc-256 / "
	  "integrity sha256 / prf sha256 / group 19 14" },
	{ REMEDY_PROP, VENDOR_ASA,
	  "crypto ikev2 policy 1 / encryption, integrity, prf, group as the peer's" },
	{ REMEDY_PROP, VENDOR_NXOS, "policy 1 / encryption aes" },
	{ REMEDY_PROP, VENDOR_NXOS, "hash sha / group 5" UNVERIFIED },
	{ REMEDY_PROP, VENDOR_FORTIOS,
	  "set proposal aes256-sha256 aes256gcm-prfsha384 / set dhgrp 20 14" },
	{ REMEDY_PROP, VENDOR_PANOS, "IKE Crypto profile" },
	{ REMEDY_PROP, VENDOR_STRONGSWAN,
	  "proposals=aes256gcm16-prfsha384-ecp384,aes256-sha256-modp2048" },
	{ REMEDY_STRONG, VENDOR_IOS, "crypto ikev2 proposal P / encryption aes-cbc-256 / "
	  "integrity sha256 / prf sha256 / group 19 14" },
	{ REMEDY_STRONG, VENDOR_ASA, "crypto ikev2 policy 1 / encryption aes-256 / integrity "
	  "sha256 / prf sha256 / group 19 14" },
	{ REMEDY_STRONG, VENDOR_FORTIOS,
	  "set proposal aes256-sha256 aes256gcm-prfsha384 / set dhgrp 20 14" },
	{ REMEDY_STRONG, VENDOR_PANOS, "IKE Crypto profile" },
	{ REMEDY_STRONG, VENDOR_STRONGSWAN,
	  "proposals=aes256gcm16-prfsha384-ecp384,aes256-sha256-modp2048" },
	{ REMEDY_PFS, VENDOR_IOS, "set pfs group14 in the map or profile (off: no set pfs)" },
	{ REMEDY_PFS, VENDOR_ASA, "crypto map M 10 set pfs group14" },
	{ REMEDY_PFS, VENDOR_NXOS, "set pfs group2" UNVERIFIED },
	{ REMEDY_PFS, VENDOR_FORTIOS, "set pfs enable / set dhgrp 14 (PFS is on by default)" },
	{ REMEDY_PFS, VENDOR_PANOS, "IPSec Crypto profile > DH Group (no-pfs switches it off)" },
	{ REMEDY_PFS, VENDOR_STRONGSWAN,
	  "esp_proposals=aes256gcm16-modp2048 (a group in the list is PFS)" },
	{ REMEDY_PFS, VENDOR_LIBRESWAN, "pfs=yes" },
	{ REMEDY_PFS, VENDOR_AZURE, "PfsGroup in the IPsec policy" },
	{ REMEDY_TS, VENDOR_IOS, "match address ACL as the mirror image of the peer's; "
	  "against a route-based peer 0.0.0.0/0" },
	{ REMEDY_TS, VENDOR_ASA,
	  "crypto map M 10 match address ACL as the mirror image of the peer's" },
	{ REMEDY_TS, VENDOR_NXOS, "match address ACL, set peer X" },
	{ REMEDY_TS, VENDOR_FORTIOS,
	  "phase 2: set src-subnet, set dst-subnet (one phase 2 per pair)" },
	{ REMEDY_TS, VENDOR_PANOS, "IPSec Tunnels > Proxy IDs" },
	{ REMEDY_TS, VENDOR_STRONGSWAN, "local_ts, remote_ts" },
	{ REMEDY_ROLE, VENDOR_IOS, "set connection-type answer-only" UNVERIFIED },
	{ REMEDY_ROLE, VENDOR_ASA, "crypto map M 10 set connection-type answer-only" },
	{ REMEDY_ROLE, VENDOR_FORTIOS, "set passive-mode enable; set auto-negotiate disable" },
	{ REMEDY_ROLE, VENDOR_PANOS, "IKE Gateway > Enable Passive Mode" },
	{ REMEDY_ROLE, VENDOR_STRONGSWAN, "start_action=none or trap; unique=replace" },
	{ REMEDY_ROLE, VENDOR_LIBRESWAN, "auto=add; reject-simultaneous-ike-auth=yes" },
	{ REMEDY_ROLE, VENDOR_AWS,
	  "startup action of the tunnel: add on one end, start on the other" },
	{ REMEDY_SPI, VENDOR_IOS,
	  "crypto isakmp invalid-spi-recovery (off by default; can be abused)" },
	{ REMEDY_SPI, VENDOR_ASA, "clear crypto ipsec sa peer X on the sender" },
	{ REMEDY_SPI, VENDOR_FORTIOS, "an unknown SPI is an old SA on the peer: flush it there" },
	{ REMEDY_SPI, VENDOR_PANOS, "clear vpn ipsec-sa tunnel T on the sender" },
	{ REMEDY_SPI, VENDOR_STRONGSWAN,
	  "charon.delete_rekeyed_delay (default 5 s); delete_rekeyed=yes for IKEv1 peers" },
	{ REMEDY_ENCAP, VENDOR_IOS,
	  "no crypto ipsec nat-transparency udp-encapsulation when there is no NAT" },
	{ REMEDY_ENCAP, VENDOR_FORTIOS, "set nattraversal forced" },
	{ REMEDY_ENCAP, VENDOR_STRONGSWAN, "encap=yes" },
	{ REMEDY_INITC, VENDOR_IOS, "on by default" UNVERIFIED },
	{ REMEDY_INITC, VENDOR_STRONGSWAN,
	  "unique=replace (INITIAL_CONTACT is sent unless unique=never)" },
	{ REMEDY_INITC, VENDOR_LIBRESWAN, "initial-contact=yes" },
	{ REMEDY_INITC, VENDOR_MIKROTIK, "send-initial-contact=yes" },
	{ REMEDY_RPLY, VENDOR_IOS, "crypto ipsec security-association replay window-size 1024" },
	{ REMEDY_RPLY, VENDOR_ASA, "crypto ipsec security-association replay window-size 1024" },
	{ REMEDY_RPLY, VENDOR_FORTIOS, "set replay enable or disable in phase 2" },
	{ REMEDY_RPLY, VENDOR_PANOS, "IPSec Tunnel > Enable Replay Protection" },
	{ REMEDY_RPLY, VENDOR_STRONGSWAN, "replay_window=1024" },
	{ REMEDY_RPLY, VENDOR_LIBRESWAN, "replay-window=1024" },
	{ REMEDY_ESN, VENDOR_IOS, "esn in the transform set" UNVERIFIED },
	{ REMEDY_ESN, VENDOR_FORTIOS, "set esn allow" },
	{ REMEDY_ESN, VENDOR_STRONGSWAN, "esp_proposals=aes256gcm16-esn-noesn" },
	{ REMEDY_ESN, VENDOR_LIBRESWAN, "esn=either" },
	{ REMEDY_KA, VENDOR_IOS, "crypto isakmp nat keepalive 20; crypto ikev2 nat keepalive 20" },
	{ REMEDY_KA, VENDOR_ASA, "crypto isakmp nat-traversal 20" },
	{ REMEDY_KA, VENDOR_FORTIOS, "set keepalive 10" },
	{ REMEDY_KA, VENDOR_PANOS, "fixed at 20 s" UNVERIFIED },
	{ REMEDY_KA, VENDOR_STRONGSWAN, "charon.keep_alive=20s" },
	{ REMEDY_KA, VENDOR_LIBRESWAN, "nat-keepalive=yes; keep-alive=20" },
	{ REMEDY_AGGR, VENDOR_IOS, "crypto isakmp aggressive-mode disable" },
	{ REMEDY_AGGR, VENDOR_ASA, "crypto ikev1 am-disable" },
	{ REMEDY_AGGR, VENDOR_FORTIOS, "set mode main, or set ike-version 2" },
	{ REMEDY_AGGR, VENDOR_PANOS, "IKE Gateway > IKEv1 > Exchange Mode main" },
	{ REMEDY_AGGR, VENDOR_STRONGSWAN, "aggressive=no" },
	{ REMEDY_FLOOD, VENDOR_IOS, "crypto ikev2 cookie-challenge 100; "
	  "crypto ikev2 limit max-in-negotation-sa 60 incoming" },
	{ REMEDY_FLOOD, VENDOR_ASA, "crypto ikev2 cookie-challenge 50" },
	{ REMEDY_FLOOD, VENDOR_FORTIOS, "config system ike / set embryonic-limit N" },
	{ REMEDY_FLOOD, VENDOR_PANOS, "zone protection, UDP flood" UNVERIFIED },
	{ REMEDY_FLOOD, VENDOR_STRONGSWAN,
	  "charon.cookie_threshold, block_threshold, init_limit_half_open" },
	{ REMEDY_FLOOD, VENDOR_LIBRESWAN, "ddos-mode=busy" },
};

struct log_line {
	const char *code;
	enum vendor vendor;
	const char *text;
};

#define LOOK "look in its log for: "

/* DETECTION-FACTS 2.5 */
static const struct log_line log_lines[] = {
	{ "stale_spi", VENDOR_IOS, LOOK "%CRYPTO-4-RECVD_PKT_INV_SPI (at most one a minute)" },
	{ "stale_spi", VENDOR_ASA, LOOK
	  "%ASA-4-402114: IPSEC: Received an ESP packet (SPI=...) with an invalid SPI" },
	{ "stale_spi", VENDOR_FORTIOS, LOOK
	  "Received ESP packet with unknown SPI (logid 0101037131)" },
	{ "stale_spi", VENDOR_PANOS, LOOK "can't find sa for proto ESP spi ..." },
	{ "stale_spi", VENDOR_STRONGSWAN, "look at XfrmInNoStates in /proc/net/xfrm_stat" UNVERIFIED
	  },
	{ "esp_replay", VENDOR_IOS, LOOK "%CRYPTO-4-PKT_REPLAY_ERR, %IPSEC-3-REPLAY_ERROR" },
	{ "esp_replay", VENDOR_ASA, LOOK "%ASA-4-402119 ... failed anti-replay checking" },
	{ "esp_replay", VENDOR_LIBRESWAN, "look at /proc/net/xfrm_stat" },
	{ "esp_reorder", VENDOR_IOS, LOOK
	  "%CRYPTO-4-PKT_REPLAY_ERR: decrypt: replay check failed" },
	{ "esp_reorder", VENDOR_ASA, LOOK "%ASA-4-402119 ... failed anti-replay checking" },
	{ "periodic_drop", VENDOR_ASA, LOOK "%ASA-4-113019 ... Reason: IPSec SA Max time "
	  "exceeded (that is vpn-session-timeout, not an SA lifetime)" },
	{ "ike_sa_limit_loop", VENDOR_FORTIOS, LOOK
	  "established IKE SA limit 4 reached, deleting ..." },
	{ "ike_flood", VENDOR_FORTIOS, LOOK "embryonic limit N reached, dropping request" },
	{ "ike_init_unanswered", VENDOR_IOS, LOOK
	  "retransmitting phase 1 MM_..., Death by retransmission P1" UNVERIFIED },
	{ "ike_init_unanswered", VENDOR_FORTIOS, LOOK "negotiation timeout" UNVERIFIED },
	{ "ike_init_unanswered", VENDOR_PANOS, LOOK
	  "IKE phase-1 negotiation is failed as initiator ... due to timeout" },
	{ "ike_init_unanswered", VENDOR_STRONGSWAN, LOOK "giving up after 5 retransmits" },
	{ "ike_init_unanswered", VENDOR_LIBRESWAN, LOOK
	  "No response (or no acceptable response) to our first IKEv2 message" },
	{ "ike_auth_retransmit", VENDOR_IOS, LOOK "Maximum number of retransmissions reached"
	  UNVERIFIED },
	{ "ike_auth_retransmit", VENDOR_FORTIOS, LOOK "established IKE SA limit 4 reached, "
	  "deleting ... (on the responder); negotiation timeout" },
	{ "ike_auth_retransmit", VENDOR_PANOS, LOOK "IKEv2 IKE SA negotiation is failed" UNVERIFIED
	  },
	{ "ike_auth_retransmit", VENDOR_STRONGSWAN, LOOK "giving up after 5 retransmits" },
	{ "ike_auth_retransmit", VENDOR_LIBRESWAN, LOOK "Possible authentication failure: "
	  "no acceptable response to our first encrypted message" },
	{ "auth_failed", VENDOR_ASA, LOOK "%ASA-3-713902, AUTHENTICATION_FAILED" UNVERIFIED },
	{ "auth_failed", VENDOR_FORTIOS, LOOK "IPsec phase 1 error ... status=negotiate_error" },
	{ "auth_failed", VENDOR_PANOS, LOOK "IKEv2 IKE SA negotiation is failed" UNVERIFIED },
	{ "auth_failed", VENDOR_STRONGSWAN, LOOK "received AUTHENTICATION_FAILED error notify; "
	  "IKEv1: invalid HASH_V1 payload length, decryption failed?" },
	{ "auth_failed", VENDOR_LIBRESWAN, LOOK "Possible authentication failure: "
	  "no acceptable response to our first encrypted message" },
	{ "no_proposal_chosen", VENDOR_IOS, LOOK "no offers accepted!, atts not acceptable" },
	{ "no_proposal_chosen", VENDOR_FORTIOS, LOOK "peer SA proposal not match local policy" },
	{ "no_proposal_chosen", VENDOR_STRONGSWAN, LOOK
	  "received NO_PROPOSAL_CHOSEN error notify" },
	{ "no_proposal_chosen", VENDOR_LIBRESWAN, LOOK "no proposal chosen" },
	{ "ts_mismatch", VENDOR_ASA, LOOK
	  "%ASA-4-402116 ... decapsulated inner packet doesn't match the negotiated policy" },
	{ "ts_mismatch", VENDOR_ASA, LOOK "QM FSM error, 713061" UNVERIFIED },
	{ "ts_mismatch", VENDOR_FORTIOS, LOOK "no matching phase2" UNVERIFIED },
	{ "ts_mismatch", VENDOR_PANOS, LOOK "IKEv2 child SA negotiation is failed" UNVERIFIED },
	{ "ts_mismatch", VENDOR_STRONGSWAN, LOOK
	  "received TS_UNACCEPTABLE error notify, received INVALID_ID_INFORMATION error notify" },
	{ "pfs_mismatch", VENDOR_PANOS, LOOK "message lacks KE payload" UNVERIFIED },
	{ "pfs_mismatch", VENDOR_STRONGSWAN, LOOK "no acceptable DIFFIE_HELLMAN_GROUP found" },
	{ "rekey_collision", VENDOR_PANOS, LOOK
	  "ikev2_child_delete, IPSEC KEY DELETED, received DELETE payload" },
	{ "rekey_collision", VENDOR_STRONGSWAN, LOOK "detected CHILD_REKEY collision with "
	  "CHILD_DELETE, CHILD_SA rekeying failed, trying again in N seconds" },
	{ "rekey_collision", VENDOR_LIBRESWAN, LOOK "not rekey stale ... as already got a newer" },
	{ "lifetime_mismatch", VENDOR_AZURE, LOOK "[IkeEvent] SA_DELETE ... 13885 Main mode SA "
	  "lifetime expired or peer sent a main mode delete" },
	{ "lifetime_mismatch", VENDOR_FORTIOS,
	  "diagnose vpn tunnel list name T shows life: timeout=..." },
	{ "lifetime_mismatch", VENDOR_STRONGSWAN, "swanctl -l shows rekeying in N" },
	{ "dpd_timeout", VENDOR_PANOS, LOOK "IKEv2 SA dying ... ikev2_abort" },
	{ "dpd_timeout", VENDOR_STRONGSWAN, LOOK "giving up after 5 retransmits" },
	{ "dpd_timeout", VENDOR_LIBRESWAN, LOOK "max number of retransmissions (N) reached" },
};

static const struct {
	const char *part;	/* of a vendor ID's name */
	uint32_t vendors;
} signs[] = {
	/* "Cisco Unity" is missing on purpose: strongSwan, libreswan and others send it too */
	{ "strongSwan", 1u << VENDOR_STRONGSWAN },
	{ "libreswan", 1u << VENDOR_LIBRESWAN },
	{ "Libreswan", 1u << VENDOR_LIBRESWAN },
	{ "Openswan", 1u << VENDOR_LIBRESWAN },
	{ "Forti", 1u << VENDOR_FORTIOS },
	{ "FORTI", 1u << VENDOR_FORTIOS },
	{ "Palo", 1u << VENDOR_PANOS },
	{ "FlexVPN", 1u << VENDOR_IOS },
	{ "IOS", 1u << VENDOR_IOS },
	{ "ASA", 1u << VENDOR_ASA },
	{ "Cisco", 1u << VENDOR_IOS | 1u << VENDOR_ASA },
	{ "CISCO", 1u << VENDOR_IOS | 1u << VENDOR_ASA },
	{ "Juniper", 1u << VENDOR_JUNIPER },
	{ "NetScreen", 1u << VENDOR_JUNIPER },
	{ "Check Point", 1u << VENDOR_CHECKPOINT },
	{ "Windows", 1u << VENDOR_WINDOWS },
	{ "MS NT5", 1u << VENDOR_WINDOWS },
	{ "Microsoft", 1u << VENDOR_WINDOWS },
	{ "OpenIKED", 1u << VENDOR_IKED },
};

uint32_t vendors_of_name(const char *name)
{
	if (strstr(name, "Unity") || strstr(name, "UNITY") || strstr(name, "IKE fragmentation"))
		return 0;	/* strongSwan, libreswan and others send them as well */
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (strstr(name, signs[i].part))
			return signs[i].vendors;
	return 0;
}

struct actions {
	struct record_action *at;
	size_t n;
};

static void action_add(struct actions *a, enum vendor vendor, const char *text)
{
	if (a->n < ACTIONS_MAX)
		a->at[a->n++] = (struct record_action){ vendor_name[vendor], text };
}

static void commands_add(struct actions *a, enum remedy remedy, uint32_t vendors)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].remedy == remedy && vendors & 1u << commands[i].vendor)
			action_add(a, commands[i].vendor, commands[i].text);
}

/* Those whose boxes most readers have. */
enum {
	USUAL = 1u << VENDOR_IOS | 1u << VENDOR_ASA | 1u << VENDOR_FORTIOS | 1u << VENDOR_PANOS |
		1u << VENDOR_STRONGSWAN,
};

size_t remedy_actions(const char *code, const enum remedy *remedies, size_t n, uint32_t known,
		      struct record_action ret[ACTIONS_MAX])
{
	struct actions a = { ret, 0 };

	for (size_t i = 0; i < n; i++) {
		action_add(&a, VENDOR_ANY, general[remedies[i]]);
		if (known)
			commands_add(&a, remedies[i], known);
		else if (i == 0)
			commands_add(&a, remedies[i], USUAL);
	}
	for (size_t i = 0; i < sizeof(log_lines) / sizeof(log_lines[0]); i++)
		if (known & 1u << log_lines[i].vendor && strcmp(log_lines[i].code, code) == 0)
			action_add(&a, log_lines[i].vendor, log_lines[i].text);
	return a.n;
}
