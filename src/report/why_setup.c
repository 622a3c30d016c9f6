/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known about tunnels that do not come up (DETECTION-FACTS 4.2, 4.6):
 * whose side, why, and what would prove it.
 */
#include "report/why.h"

const struct why_line why_setup[] = {
	/* ---- ike_auth_retransmit ---- */
	{ "ike_auth_retransmit", "answered", WHY_HEAD, NULL,
	  "The tunnel does not get past the login: {initiator} repeats its login message "
	  "(IKE_AUTH) although {responder} answers it each time." },
	{ "ike_auth_retransmit", "answered", WHY_LOOK, NULL,
	  "Look at {initiator} and at the way back to it, not at {responder}." },
	{ "ike_auth_retransmit", "answered", WHY_FOR, NULL,
	  "{responses} answers of {responder} passed this capture, and {requests_after_response} "
	  "more copies of the same request came after the first one: {responder} hears {initiator} "
	  "and accepts or refuses it, but {initiator} acts as if it had heard nothing." },
	{ "ike_auth_retransmit", "answered", WHY_FOR, "likely=response_fragments",
	  "The answer travels in IP fragments ({response_bytes}): "
	  "a firewall or NAT on the way back that drops fragments explains it." },
	{ "ike_auth_retransmit", "answered", WHY_FOR, "likely=nat_port",
	  "The answer goes to another port or address than the request came from: "
	  "a NAT on the way back explains it." },
	{ "ike_auth_retransmit", "answered", WHY_FOR, "likely=initiator_rejects",
	  "The answer is small ({response_bytes}), unfragmented and goes back to the port that "
	  "asked: nothing about it is hard to deliver." },
	{ "ike_auth_retransmit", "answered", WHY_AGAINST, "likely=initiator_rejects",
	  "Still, two things look the same from here: the answer is lost between this capture and "
	  "{initiator} (filter, routing), or it arrives and {initiator} throws it away (identity, "
	  "certificate, pre-shared key of {responder} not accepted)." },
	{ "ike_auth_retransmit", "answered", WHY_CONFIRM, NULL,
	  "Capture on {initiator} itself. Answers missing there: the path between loses them. "
	  "Answers there: the log of {initiator} says what it dislikes." },
	{ "ike_auth_retransmit", "answered", WHY_REFUTE, NULL,
	  "The log of {initiator} shows the tunnel as established: "
	  "then the copies have another sender." },
	{ "ike_auth_retransmit", "port4500", WHY_HEAD, NULL,
	  "The tunnel does not get past the login: the first messages pass on UDP port 500, "
	  "but nothing comes back from {responder} on UDP port 4500, "
	  "where the login (IKE_AUTH) goes." },
	{ "ike_auth_retransmit", "port4500", WHY_LOOK, NULL,
	  "Look at the path first: firewalls and NAT boxes between this capture and {responder}, "
	  "then the filter of {responder} itself." },
	{ "ike_auth_retransmit", "port4500", WHY_FOR, NULL,
	  "IKE_SA_INIT was answered, so {responder} is reachable on port 500; "
	  "from its port 4500 not one packet was ever seen." },
	{ "ike_auth_retransmit", "port4500", WHY_AGAINST, NULL,
	  "A {responder} that silently ignores this login (identity not configured) looks alike." },
	{ "ike_auth_retransmit", "port4500", WHY_CONFIRM, NULL,
	  "Capture at {responder}: the requests to port 4500 do not arrive there. "
	  "Opening UDP 4500 cures it." },
	{ "ike_auth_retransmit", "port4500", WHY_REFUTE, NULL,
	  "The requests do arrive at {responder}: then read its log for why it keeps silent." },
	{ "ike_auth_retransmit", "ip_fragments", WHY_HEAD, NULL,
	  "The tunnel does not get past the login: its message (IKE_AUTH, {request_bytes}) is too "
	  "large for one packet, travels in IP fragments, and is never answered." },
	{ "ike_auth_retransmit", "ip_fragments", WHY_LOOK, NULL,
	  "Look at the path from {initiator} to {responder}: "
	  "something drops IP fragments (firewall, NAT, provider)." },
	{ "ike_auth_retransmit", "ip_fragments", WHY_FOR, NULL,
	  "The small first messages pass and are answered; only the large one is not." },
	{ "ike_auth_retransmit", "ip_fragments", WHY_AGAINST, NULL,
	  "A {responder} that ignores this login for another reason looks alike." },
	{ "ike_auth_retransmit", "ip_fragments", WHY_CONFIRM, NULL,
	  "With IKE fragmentation on, or with a pre-shared key instead of certificates (a small "
	  "message), the login is answered." },
	{ "ike_auth_retransmit", "ip_fragments", WHY_REFUTE, NULL,
	  "A capture at {responder} shows all fragments arriving." },
	{ "ike_auth_retransmit", "ike_fragments", WHY_HEAD, NULL,
	  "The tunnel does not get past the login: its message (IKE_AUTH) is sent in several IKE "
	  "fragments and is never answered, so one of them probably gets lost." },
	{ "ike_auth_retransmit", "ike_fragments", WHY_LOOK, NULL,
	  "Look at the path from {initiator} to {responder}: "
	  "rate limits and filters that drop bursts of UDP." },
	{ "ike_auth_retransmit", "ike_fragments", WHY_FOR, NULL,
	  "The first messages are answered; only the fragmented one is not." },
	{ "ike_auth_retransmit", "ike_fragments", WHY_CONFIRM, NULL,
	  "A capture at {responder} misses the same fragment number each time." },
	{ "ike_auth_retransmit", "ike_fragments", WHY_REFUTE, NULL,
	  "All fragments arrive at {responder}: then its log says why it keeps silent." },
	{ "ike_auth_retransmit", "silent", WHY_HEAD, NULL,
	  "The tunnel does not get past the login: {initiator} sends its login message (IKE_AUTH) "
	  "{requests} times and {responder} never answers it." },
	{ "ike_auth_retransmit", "silent", WHY_LOOK, NULL,
	  "Look at {responder} and at the path to it: it answered the message before, "
	  "but not this one." },
	{ "ike_auth_retransmit", "silent", WHY_FOR, NULL,
	  "{responder} had answered the message before, and this one is small ({request_bytes}, "
	  "one packet): size does not explain the silence." },
	{ "ike_auth_retransmit", "silent", WHY_FOR, "destination_port=500",
	  "It goes to the same port 500 as the message that was answered: "
	  "the port does not explain it either." },
	{ "ike_auth_retransmit", "silent", WHY_AGAINST, NULL,
	  "From here a message lost behind this capture and a {responder} that ignores it (peer or "
	  "identity not configured, IKE process busy) look the same." },
	{ "ike_auth_retransmit", "silent", WHY_CONFIRM, NULL,
	  "Capture at {responder}: requests that arrive unanswered mean the box, "
	  "requests that do not arrive mean the path." },
	{ "ike_auth_retransmit", "silent", WHY_REFUTE, NULL,
	  "{responder} did answer, and the answer went past this capture on another way." },

	/* ---- ike_init_unanswered ---- */
	{ "ike_init_unanswered", "answered", WHY_HEAD, NULL,
	  "{initiator} called and {responder} answered, but the answer did not get through: "
	  "{requests_after_response} times the same first message came again after it." },
	{ "ike_init_unanswered", "answered", WHY_LOOK, NULL,
	  "Look at {initiator} and at the way back to it." },
	{ "ike_init_unanswered", "answered", WHY_CONFIRM, NULL,
	  "Capture at {initiator}: no answer there means that it is lost on the way; an answer "
	  "that arrives means that it is not accepted, and its log says why." },
	{ "ike_init_unanswered", "answered", WHY_REFUTE, NULL,
	  "The answers reach {initiator}, only later than it waits for them." },
	{ "ike_init_unanswered", NULL, WHY_HEAD, "asked_again=no",
	  "{initiator} begins again and again ({messages} first messages to {responder} within "
	  "{span_s}); the answers were most likely not captured, and may be refusals." },
	{ "ike_init_unanswered", NULL, WHY_HEAD, NULL,
	  "{initiator} called and nobody picked up: {messages} first messages to {responder} "
	  "within {span_s}, not one answer." },
	{ "ike_init_unanswered", NULL, WHY_LOOK, NULL,
	  "Look at {responder} and at the path to it: is it up, does it listen on UDP 500, "
	  "does it know {initiator} as a peer?" },
	{ "ike_init_unanswered", NULL, WHY_FOR, "worked_before=yes",
	  "The tunnel worked before, so it was configured and reachable: something changed." },
	{ "ike_init_unanswered", NULL, WHY_FOR, "icmp",
	  "An ICMP error came back ({icmp}, type/code): the packet reached a box that refused it."
	  },
	{ "ike_init_unanswered", NULL, WHY_AGAINST, "asked_again=no",
	  "{initiator} repeated none of these messages, as it does when no answer comes: most "
	  "likely each was answered, and this capture does not see what {responder} sends." },
	{ "ike_init_unanswered", NULL, WHY_AGAINST, NULL,
	  "Some gateways answer nothing at all when they dislike the proposal or do not know the "
	  "peer; from here that looks like a dead path." },
	{ "ike_init_unanswered", NULL, WHY_CONFIRM, NULL,
	  "Capture at {responder}: messages that do not arrive mean the path; "
	  "messages that arrive unanswered mean its configuration, its log says more." },
	{ "ike_init_unanswered", NULL, WHY_REFUTE, NULL,
	  "{responder} did answer, and the answers went past this capture." },

	/* ---- auth_failed ---- */
	{ "auth_failed", "port4500", WHY_HEAD, NULL,
	  "The login of {peer} goes to UDP port 4500 of {refused_by}, because of a NAT, "
	  "and {refused_by} was not heard of since: that port is probably blocked." },
	{ "auth_failed", "port4500", WHY_LOOK, NULL,
	  "First see whether UDP 4500 passes between {peer} and {refused_by}, both ways; "
	  "only then compare the pre-shared keys." },
	{ "auth_failed", NULL, WHY_HEAD,
	  "sign=second message of aggressive mode repeated without an answer",
	  "{refused_by} goes no further after the answer of {peer} in aggressive mode: most likely "
	  "the pre-shared keys differ." },
	{ "auth_failed", NULL, WHY_HEAD,
	  "sign=fifth message of main mode repeated without an answer",
	  "{refused_by} does not accept the login of {peer} (the first encrypted message of main "
	  "mode): most likely the pre-shared keys differ." },
	{ "auth_failed", NULL, WHY_HEAD, NULL,
	  "{refused_by} refuses the login of {peer}, {refusals} times: "
	  "wrong pre-shared key, identity or certificate." },
	{ "auth_failed", NULL, WHY_LOOK, NULL,
	  "Compare what {peer} presents with what {refused_by} expects. "
	  "Only the log of {refused_by} says which of key, identity and certificate it is." },
	{ "auth_failed", NULL, WHY_FOR, "ike_version=2",
	  "The two reach each other and agree on ciphers; the refusal comes at the login "
	  "(IKE_AUTH), as a short encrypted error." },
	{ "auth_failed", NULL, WHY_FOR,
	  "sign=second message of aggressive mode repeated without an answer",
	  "{peer} sends its answer again and again, and {refused_by} does not send the message "
	  "that must follow: it cannot verify the answer, which is what a wrong pre-shared key "
	  "does." },
	{ "auth_failed", NULL, WHY_FOR,
	  "sign=fifth message of main mode repeated without an answer",
	  "The first encrypted message of main mode gets no usable answer: "
	  "{refused_by} cannot decrypt it, which is what a wrong pre-shared key does." },
	{ "auth_failed", NULL, WHY_FOR, "worked_before=yes",
	  "It worked before: a key was changed on one side, or a certificate expired." },
	{ "auth_failed", NULL, WHY_AGAINST, "ike_version=2",
	  "The error is encrypted: that it is \"authentication failed\" and not another refusal of "
	  "the login is inferred from its size and first payload." },
	{ "auth_failed", NULL, WHY_AGAINST, "ike_version=1",
	  "Lost answers to that message look the same." },
	{ "auth_failed", NULL, WHY_CONFIRM, NULL,
	  "The log of {refused_by} names the failed check at the times above; "
	  "with the same key typed in anew on both sides the login passes." },
	{ "auth_failed", NULL, WHY_REFUTE, NULL,
	  "The log of {refused_by} shows another error for these messages." },

	/* ---- no_proposal_chosen ---- */
	{ "no_proposal_chosen", NULL, WHY_HEAD, NULL,
	  "{refused_by} accepts none of the cipher suites that {initiator} offers "
	  "({refusals} refusals)." },
	{ "no_proposal_chosen", NULL, WHY_LOOK, NULL,
	  "Compare the phase 1 settings of both: encryption, hash, "
	  "Diffie-Hellman group (and in IKEv1 lifetime and login method)." },
	{ "no_proposal_chosen", NULL, WHY_FOR, "offered", "{initiator} offers: {offered}." },
	{ "no_proposal_chosen", NULL, WHY_FOR, "worked_before=yes",
	  "It worked before: one side's settings or firmware changed." },
	{ "no_proposal_chosen", NULL, WHY_AGAINST, NULL,
	  "What {refused_by} would accept never shows on the wire; "
	  "and the refusal is unencrypted, so anybody on the path could have sent it." },
	{ "no_proposal_chosen", NULL, WHY_CONFIRM, NULL, "The log of {refused_by} lists what it "
	  "compared; with one common suite the set-up goes on." },
	{ "no_proposal_chosen", NULL, WHY_REFUTE, NULL,
	  "{initiator} is no peer of yours (a scanner): then the refusal is right." },

	/* ---- invalid_ke ---- */
	{ "invalid_ke", NULL, WHY_HEAD, "succeeded_afterwards=no",
	  "{initiator} keeps starting with a Diffie-Hellman group that {responder} does not want, "
	  "and no tunnel came up." },
	{ "invalid_ke", NULL, WHY_HEAD, "succeeded_afterwards=yes",
	  "{initiator} starts with a Diffie-Hellman group that {responder} does not want; "
	  "it costs an extra round trip each time, then the tunnel comes up." },
	{ "invalid_ke", NULL, WHY_LOOK, NULL,
	  "Look at {initiator}: put the group that {responder} wants first." },
	{ "invalid_ke", NULL, WHY_FOR, "group_wanted",
	  "{responder} asks in clear for the group {group_wanted}." },
	{ "invalid_ke", NULL, WHY_FOR, "groups_offered", "{initiator} offers: {groups_offered}." },
	{ "invalid_ke", NULL, WHY_AGAINST, NULL,
	  "One such answer per set-up is normal; only repeating it is not." },
	{ "invalid_ke", NULL, WHY_CONFIRM, NULL, "With the wanted group first in the proposal "
	  "of {initiator} the answer no longer comes." },
	{ "invalid_ke", NULL, WHY_REFUTE, NULL,
	  "{initiator} offers the wanted group first and is still sent back." },

	/* ---- ts_mismatch ---- */
	{ "ts_mismatch", NULL, WHY_HEAD, NULL,
	  "Phase 1 is up, but {refused_by} refuses every phase 2 that {asked_by} asks for "
	  "({refusals} times): usually the proxy IDs (traffic selectors) do not match." },
	{ "ts_mismatch", NULL, WHY_LOOK, NULL,
	  "Compare the phase 2 settings of both sides; {refused_by} is the one that says no, "
	  "so its log names the reason." },
	{ "ts_mismatch", NULL, WHY_FOR, NULL,
	  "Reachability, password and phase 1 ciphers are fine: "
	  "each request is answered at once, with a short refusal." },
	{ "ts_mismatch", NULL, WHY_FOR, "working_child_sas>0",
	  "{working_child_sas} phase 2 works beside it, so it concerns one pair of networks, "
	  "or {refused_by} allows no more of them." },
	{ "ts_mismatch", NULL, WHY_AGAINST, NULL,
	  "The reason is encrypted: different phase 2 ciphers or PFS groups are refused in "
	  "the same way." },
	{ "ts_mismatch", NULL, WHY_CONFIRM, NULL, "The log of {refused_by} shows the networks "
	  "asked for; with exactly mirrored networks phase 2 comes up." },
	{ "ts_mismatch", NULL, WHY_REFUTE, NULL,
	  "The networks are exact mirrors of each other: then compare phase 2 ciphers and PFS." },

	/* ---- pfs_mismatch ---- */
	{ "pfs_mismatch", NULL, WHY_HEAD, NULL,
	  "The tunnel works after a fresh start and dies at its first renewal: "
	  "{refused_by} refuses each renewal of phase 2 ({refused_rekeys} times), "
	  "typical for PFS groups that differ." },
	{ "pfs_mismatch", NULL, WHY_LOOK, NULL,
	  "Compare the PFS (Diffie-Hellman) group of phase 2 on both sides; "
	  "{refused_by} is the one that says no." },
	{ "pfs_mismatch", NULL, WHY_FOR, NULL,
	  "The first phase 2 needs no PFS group of its own, only a renewal does: "
	  "that is why it works at first." },
	{ "pfs_mismatch", NULL, WHY_FOR, "cycles>1", "The same happened {cycles} times." },
	{ "pfs_mismatch", NULL, WHY_AGAINST, NULL,
	  "The refusal is encrypted; other differences of the phase 2 ciphers look the same." },
	{ "pfs_mismatch", NULL, WHY_CONFIRM, NULL,
	  "With the same group on both sides (or none on both) the next renewal passes." },
	{ "pfs_mismatch", NULL, WHY_REFUTE, NULL,
	  "The groups are the same on both sides, and renewals are still refused." },

	/* ---- posture ---- */
	{ "weak_crypto", "offered", WHY_HEAD, NULL, "A cipher, hash or key exchange that is no "
	  "longer strong enough is offered, though not chosen." },
	{ "weak_crypto", "chosen", WHY_HEAD, NULL,
	  "The tunnel uses a cipher, hash or key exchange that is no longer strong enough." },
	{ "weak_crypto", NULL, WHY_LOOK, NULL, "Look at both sides: the stronger suite must be "
	  "allowed on both before the weak one goes." },
	{ "weak_crypto", NULL, WHY_FOR, NULL,
	  "The chosen suite of phase 1 is visible in clear; that of phase 2 is not." },
	{ "weak_crypto", NULL, WHY_CONFIRM, NULL,
	  "Each box lists the suite in use for this peer." },
	{ "weak_crypto", NULL, WHY_REFUTE, NULL,
	  "The tunnel was set up anew since, with another suite." },
	{ "downgrade", NULL, WHY_HEAD, NULL,
	  "The tunnel was set up with a weaker suite or protocol version than before." },
	{ "downgrade", NULL, WHY_LOOK, NULL, "Look at both sides for a change (firmware, "
	  "policy); if nobody made one, somebody on the path may have." },
	{ "downgrade", NULL, WHY_AGAINST, NULL,
	  "Another box behind the same address looks the same." },
	{ "downgrade", NULL, WHY_CONFIRM, NULL,
	  "A change of configuration or firmware on one side at that time." },
	{ "downgrade", NULL, WHY_REFUTE, NULL, "Nobody changed anything: then allow only the "
	  "strong suite on both sides and see who fails." },
	{ "aggressive_psk", NULL, WHY_HEAD, NULL,
	  "Phase 1 uses IKEv1 aggressive mode with a pre-shared key: "
	  "whoever saw this handshake can try passwords offline." },
	{ "aggressive_psk", NULL, WHY_LOOK, NULL,
	  "Look at both sides: switch to main mode or IKEv2, then change the key." },
	{ "aggressive_psk", NULL, WHY_FOR, NULL,
	  "Mode, identities and the hash are visible in clear." },
	{ "aggressive_psk", NULL, WHY_CONFIRM, NULL,
	  "The peer's settings on both boxes say aggressive mode and pre-shared key." },
	{ "aggressive_psk", NULL, WHY_REFUTE, NULL,
	  "The login uses certificates: then the hash gives no password away." },
	{ "ike_flood", NULL, WHY_HEAD, NULL, "Far more set-ups are begun than completed: "
	  "a flood, or very many peers coming back at once." },
	{ "ike_flood", NULL, WHY_LOOK, NULL,
	  "Look at the senders: known peers after an outage, or strangers?" },
	{ "ike_flood", NULL, WHY_AGAINST, NULL,
	  "After an outage all clients reconnect at once, and source addresses may be forged." },
	{ "ike_flood", NULL, WHY_CONFIRM, NULL,
	  "The set-ups come from addresses that are no peers, and never complete." },
	{ "ike_flood", NULL, WHY_REFUTE, NULL,
	  "They are peers of yours, and most set-ups complete in the end." },
	{ "ike_scan", NULL, WHY_HEAD, NULL,
	  "One source tries IKE on many addresses or with many proposals, as a scanner does." },
	{ "ike_scan", NULL, WHY_LOOK, NULL,
	  "Neither gateway is at fault. Admit IKE from known peers only, if that is possible." },
	{ "ike_scan", NULL, WHY_CONFIRM, NULL,
	  "The source is no peer of yours and never logs in." },
	{ "ike_scan", NULL, WHY_REFUTE, NULL, "It is your own monitoring or inventory system." },
	{ "spoof_hint", NULL, WHY_HEAD, "error=Delete",
	  "What looked like an encrypted Delete of the IKE SA by {in_the_name_of} ended nothing: "
	  "it was another message of that length, or noise that somebody sent." },
	{ "spoof_hint", NULL, WHY_HEAD, NULL,
	  "An unprotected error says that an SA is invalid, but the SA keeps working: "
	  "the error may be forged." },
	{ "spoof_hint", NULL, WHY_LOOK, "error=Delete",
	  "Neither gateway: both go on with the IKE SA. Only when nothing of this length was sent, "
	  "ask who on the path can send in the name of {in_the_name_of}." },
	{ "spoof_hint", NULL, WHY_LOOK, NULL, "Neither gateway: they were right to ignore it. "
	  "Ask who on the path can send in the peer's name." },
	{ "spoof_hint", NULL, WHY_AGAINST, "error=Delete",
	  "The Delete of a child SA that the other side does not know any more looks the same "
	  "(IKEv2), and so does a notify of that length (IKEv1)." },
	{ "spoof_hint", NULL, WHY_AGAINST, "error!=Delete",
	  "A fail-over pair of which the standby answers looks the same." },
	{ "spoof_hint", NULL, WHY_CONFIRM, "error=Delete",
	  "A capture at {in_the_name_of} shows that it never sent the message." },
	{ "spoof_hint", NULL, WHY_CONFIRM, "error!=Delete",
	  "A capture at the alleged sender shows that it never sent the error." },
	{ "spoof_hint", NULL, WHY_REFUTE, NULL, "The alleged sender logs that it sent it." },
	{ NULL, NULL, WHY_HEAD, NULL, NULL },
};
