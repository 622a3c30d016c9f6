/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known about tunnels that come and go (DETECTION-FACTS 4.1): whose
 * side, why, and what would prove it.
 */
#include "report/why.h"

const struct why_line why_stability[] = {
	/* ---- spi_churn ---- */
	{ "spi_churn", NULL, WHY_HEAD, NULL,
	  "The keys of phase 2 are replaced far too often: {replacements} times within {window_s}, "
	  "each pair of SPIs lived {median_age_s} (median)." },
	{ "spi_churn", NULL, WHY_LOOK, "rekeyer",
	  "Look first at {rekeyer}: it starts the renewals ({rekeyer_count} of {rekey_count}), "
	  "so its log says why." },
	{ "spi_churn", NULL, WHY_LOOK, "!rekeyer",
	  "Look at both gateways: the capture does not single out one that starts the renewals." },
	{ "spi_churn", NULL, WHY_FOR, "kind=ike_stable",
	  "Phase 1 stays up all the time: path, login and liveness are fine. "
	  "The reason lies in phase 2: lifetime, volume limit, proxy IDs or PFS." },
	{ "spi_churn", NULL, WHY_FOR, "kind=with_ike",
	  "Phase 1 is set up again each time as well: look for what ends it, "
	  "see who deletes in the timeline." },
	{ "spi_churn", NULL, WHY_FOR, "median_age_s<120",
	  "{median_age_s} is below the smallest lifetime that Cisco IOS and FortiOS accept (120 "
	  "s): there it cannot be a lifetime that somebody configured." },
	{ "spi_churn", NULL, WHY_AGAINST, NULL,
	  "A volume limit at a high data rate looks alike; then every SA ends after the same "
	  "number of bytes, see the SPIs below." },
	{ "spi_churn", NULL, WHY_AGAINST, "parallel_sas>1",
	  "Several phase 2 SAs run in parallel here; each proxy ID renewed by itself adds "
	  "to the count." },
	{ "spi_churn", NULL, WHY_CONFIRM, "rekeyer",
	  "The log of {rekeyer} names a reason (lifetime, volume, proxy ID refused, "
	  "peer's request) at the times of the renewals." },
	{ "spi_churn", NULL, WHY_CONFIRM, NULL,
	  "After lifetimes, volume limits, proxy IDs and PFS are set alike on both sides, "
	  "the SPI stays the same for the whole lifetime." },
	{ "spi_churn", NULL, WHY_REFUTE, NULL,
	  "Somebody set such a short lifetime on purpose (a test, a laboratory): "
	  "then nothing is broken." },

	/* ---- ike_flap ---- */
	{ "ike_flap", NULL, WHY_HEAD, NULL,
	  "The whole tunnel is set up from scratch again and again: "
	  "{set_ups} complete set-ups of phase 1 within {span_s}." },
	{ "ike_flap", NULL, WHY_LOOK, "latest_ended_by",
	  "Look first at {latest_ended_by}: it ended the latest phase 1, so its log says why." },
	{ "ike_flap", NULL, WHY_LOOK, "!latest_ended_by",
	  "Look at both gateways: nobody was seen deleting phase 1, it was simply started again." },
	{ "ike_flap", NULL, WHY_FOR, "asked_in_vain",
	  "{asked_in_vain} of them were given up because nothing that was asked after the login "
	  "was answered: phase 2 is refused without a word, or its messages are lost." },
	{ "ike_flap", NULL, WHY_FOR, "never_used",
	  "{never_used} of them were answered to the end and never used: who starts them does "
	  "not accept the last answer of the login, does not get it, or gets no tunnel after it." },
	{ "ike_flap", NULL, WHY_FOR, "!never_used",
	  "Each set-up succeeds, so password, ciphers and path are good enough for it: "
	  "something ends the tunnel afterwards (dead peer detection, idle timer, session timer, "
	  "refused phase 2, a script)." },
	{ "ike_flap", NULL, WHY_AGAINST, NULL,
	  "Several clients behind one NAT address, or two tunnels between the same addresses, "
	  "would look alike." },
	{ "ike_flap", NULL, WHY_CONFIRM, NULL,
	  "The log of the side that deletes gives the reason at exactly these times." },
	{ "ike_flap", NULL, WHY_REFUTE, NULL,
	  "The set-ups turn out to belong to different users behind one NAT: "
	  "then each of them is healthy." },

	/* ---- ike_sa_limit_loop ---- */
	{ "ike_sa_limit_loop", NULL, WHY_HEAD, NULL,
	  "{initiator} sets up one phase 1 after the other (every {interval_s}) without using the "
	  "ones it has; {responder} keeps {living} of them and drops the oldest each time." },
	{ "ike_sa_limit_loop", NULL, WHY_LOOK, NULL,
	  "Look at {initiator} and at the way back to it, not at {responder}: dropping the oldest "
	  "is only how {responder} protects itself. Raising its limit cures nothing." },
	{ "ike_sa_limit_loop", NULL, WHY_FOR, NULL,
	  "{responder} answers every set-up; {initiator} behaves as if no answer had come." },
	{ "ike_sa_limit_loop", NULL, WHY_AGAINST, NULL,
	  "A load tester or several clients behind one address would also open many; "
	  "they would not stop at the same number." },
	{ "ike_sa_limit_loop", NULL, WHY_CONFIRM, NULL,
	  "{responder} logs that its limit of IKE SAs is reached; "
	  "the log of {initiator} shows timeouts or a rejected certificate, identity or phase 2." },
	{ "ike_sa_limit_loop", NULL, WHY_CONFIRM, NULL,
	  "A capture on {initiator} itself: the answers are missing there (the path loses them), "
	  "or they arrive ({initiator} rejects them)." },
	{ "ike_sa_limit_loop", NULL, WHY_THEN, NULL,
	  "That {responder} drops the oldest phase 1 when {initiator} starts another is its "
	  "protection, not the fault: raising that limit cures nothing." },
	{ "ike_sa_limit_loop", NULL, WHY_REFUTE, NULL,
	  "The log of {initiator} shows each set-up as complete and in use." },

	/* ---- duplicate_ike_sa ---- */
	{ "duplicate_ike_sa", NULL, WHY_HEAD, NULL,
	  "{a} and {b} started the tunnel at the same moment and now hold it twice." },
	{ "duplicate_ike_sa", NULL, WHY_LOOK, NULL,
	  "Neither side is broken: both are configured to initiate. Let only one do it." },
	{ "duplicate_ike_sa", NULL, WHY_FOR, NULL,
	  "Two set-ups with opposite initiators overlapped, and both completed." },
	{ "duplicate_ike_sa", NULL, WHY_AGAINST, NULL,
	  "Two tunnels between the same addresses on purpose look the same." },
	{ "duplicate_ike_sa", NULL, WHY_CONFIRM, NULL,
	  "Both boxes list two IKE SAs with this peer; with one side passive it does not "
	  "happen again." },
	{ "duplicate_ike_sa", NULL, WHY_REFUTE, NULL,
	  "Two tunnels between these addresses are configured." },

	/* ---- periodic_drop ---- */
	{ "periodic_drop", "max_session_timer", WHY_HEAD, NULL,
	  "{ended_by} ends the whole session every {period_s}, always at the same age and while "
	  "traffic flows: a maximum session time, not the lifetime of keys." },
	{ "periodic_drop", "max_session_timer", WHY_LOOK, NULL,
	  "Look at {ended_by}: it sends the Delete every time; "
	  "{not ended_by} only builds the tunnel again." },
	{ "periodic_drop", "max_session_timer", WHY_FOR, "cv<0.01",
	  "{ends} ends, {period_s} apart, as regular as a clock; "
	  "disturbances of the network are not that regular." },
	{ "periodic_drop", "max_session_timer", WHY_FOR, "traffic_before_end=flowing",
	  "Traffic flowed until the end, so no idle timer is behind it." },
	{ "periodic_drop", "max_session_timer", WHY_FOR, "ike_rekeys_inside=no",
	  "Nobody tried to renew phase 1 before: for the lifetime of phase 1 a renewal would "
	  "be expected." },
	{ "periodic_drop", "max_session_timer", WHY_AGAINST, NULL,
	  "A scheduled restart, or a phase 1 lifetime of exactly this length on a box that does "
	  "not renew it, would look the same." },
	{ "periodic_drop", "max_session_timer", WHY_CONFIRM, NULL,
	  "The log of {ended_by} says at the next end that a maximum time was exceeded; "
	  "the next end comes {period_s} after the latest set-up." },
	{ "periodic_drop", "max_session_timer", WHY_REFUTE, NULL,
	  "With the session timer of {ended_by} off, the tunnel still ends after {period_s}: "
	  "then compare the phase 1 lifetimes." },
	{ "periodic_drop", "pfs_mismatch", WHY_HEAD, NULL,
	  "The whole session ends every {period_s}, when its IPsec SA runs out: its renewal is "
	  "refused each time. No session timer is behind it." },
	{ "periodic_drop", "pfs_mismatch", WHY_LOOK, NULL,
	  "Compare the PFS groups of phase 2 on both sides (pfs_mismatch)." },
	{ "periodic_drop", "idle_timer", WHY_HEAD, NULL,
	  "The session ends every {period_s} after nothing was sent: an idle timer, not a fault." },
	{ "periodic_drop", "idle_timer", WHY_LOOK, "ended_by",
	  "Look at {ended_by}: it closes the session." },
	{ "periodic_drop", "idle_timer", WHY_FOR, NULL,
	  "No protected packet passed before each end." },
	{ "periodic_drop", "idle_timer", WHY_CONFIRM, NULL,
	  "With a steady ping through the tunnel it stays up." },
	{ "periodic_drop", "idle_timer", WHY_REFUTE, NULL,
	  "It ends at the same times with steady traffic." },
	{ "periodic_drop", "maintenance", WHY_HEAD, NULL,
	  "The session ends at the same time of the day ({ends} times): a schedule, not a fault." },
	{ "periodic_drop", "maintenance", WHY_LOOK, "ended_by",
	  "Look at {ended_by}: it ends the session." },
	{ "periodic_drop", "maintenance", WHY_FOR, NULL,
	  "The ends come at the same time of the day, give or take an hour at most; a timer that "
	  "begins with the session knows its age, not the time of the day." },
	{ "periodic_drop", "maintenance", WHY_CONFIRM, NULL,
	  "A restart, a reload or a backup is scheduled for that time." },
	{ "periodic_drop", "maintenance", WHY_REFUTE, NULL,
	  "A session that was begun at another time of the day ends at another time too." },
	{ "periodic_drop", "dpd", WHY_HEAD, NULL,
	  "The session ends every {period_s} because one side no longer answers." },
	{ "periodic_drop", "dpd", WHY_LOOK, NULL,
	  "Look at the side that falls silent and at the path to it, at the times of the ends." },
	{ "periodic_drop", "dpd", WHY_FOR, NULL,
	  "Each end follows liveness probes without an answer." },
	{ "periodic_drop", "dpd", WHY_CONFIRM, NULL,
	  "A capture on the silent side shows whether the probes arrive there." },
	{ "periodic_drop", "dpd", WHY_REFUTE, NULL,
	  "The probes are answered, and the tunnel still ends." },
	{ "periodic_drop", "ike_lifetime_no_rekey", WHY_HEAD, "ended_by_offers_s",
	  "{ended_by} ends the whole session every {period_s}: that is the phase 1 lifetime that "
	  "it offers itself ({ended_by_offers_s}), and nobody renews phase 1 before." },
	{ "periodic_drop", "ike_lifetime_no_rekey", WHY_HEAD, "!ended_by_offers_s",
	  "Phase 1 runs into its declared lifetime of {declared_lifetime_s} and nobody renews it, "
	  "so the session drops every {period_s}." },
	{ "periodic_drop", "ike_lifetime_no_rekey", WHY_LOOK, NULL,
	  "Look at both: the side that should renew phase 1 (mostly the one that opened it) "
	  "does not do so." },
	{ "periodic_drop", "ike_lifetime_no_rekey", WHY_FOR, NULL,
	  "The period fits the phase 1 lifetime that was declared in clear." },
	{ "periodic_drop", "ike_lifetime_no_rekey", WHY_CONFIRM, NULL,
	  "With another phase 1 lifetime the period changes with it." },
	{ "periodic_drop", "ike_lifetime_no_rekey", WHY_REFUTE, NULL,
	  "The period stays although the lifetime was changed." },
	{ "periodic_drop", "unknown_timer", WHY_HEAD, NULL, "The session is torn down at "
	  "regular intervals of {period_s} ({ends} times): a timer is behind it." },
	{ "periodic_drop", "unknown_timer", WHY_LOOK, "ended_by",
	  "Look at {ended_by}: it ends the session." },
	{ "periodic_drop", "unknown_timer", WHY_LOOK, "!ended_by",
	  "Look at both gateways for a timer of {period_s}: who ends the session was not seen." },
	{ "periodic_drop", "unknown_timer", WHY_FOR, "cv<0.01",
	  "{ends} ends, {period_s} apart: disturbances of the network are not that regular." },
	{ "periodic_drop", "unknown_timer", WHY_CONFIRM, NULL,
	  "The next end comes {period_s} after the latest set-up, "
	  "and the log of the side that ends it names a timer." },
	{ "periodic_drop", "unknown_timer", WHY_REFUTE, NULL,
	  "A job or a restart is scheduled on one of the boxes at these times." },

	/* ---- peer_restart ---- */
	{ "peer_restart", NULL, WHY_HEAD, NULL,
	  "{restarted} lost everything it knew about the tunnel (reboot, fail-over, "
	  "or SAs cleared by hand) and built it anew; {not restarted} still held the old one." },
	{ "peer_restart", NULL, WHY_LOOK, NULL,
	  "Look at {restarted}: why did it restart or lose its SAs?" },
	{ "peer_restart", "unknown_spi", WHY_FOR, NULL,
	  "{restarted} itself complained about SPIs that it no longer knows." },
	{ "peer_restart", "silence", WHY_FOR, NULL,
	  "The old phase 1 was never deleted and never used again after the new one came up." },
	{ "peer_restart", NULL, WHY_AGAINST, NULL,
	  "An administrator clearing the tunnel on {restarted}, or a second tunnel between the "
	  "same addresses, looks the same." },
	{ "peer_restart", NULL, WHY_CONFIRM, NULL,
	  "The uptime, the fail-over log or the command log of {restarted} at that moment." },
	{ "peer_restart", NULL, WHY_REFUTE, NULL,
	  "{restarted} was up all the time and still lists the old SAs." },

	/* ---- dpd_timeout ---- */
	{ "dpd_timeout", "delete", WHY_HEAD, NULL,
	  "{silent} never learned that {asked_by} deleted the tunnel: the Delete was sent {probes} "
	  "times within {span_s} and never answered, and {silent} sent on." },
	{ "dpd_timeout", NULL, WHY_HEAD, "then=the IKE SA was given up",
	  "{silent} stopped answering: {asked_by} asked {probes} times within {span_s} and then "
	  "gave the tunnel up." },
	{ "dpd_timeout", NULL, WHY_HEAD, "then=nothing yet",
	  "{silent} does not answer: {asked_by} asked {probes} times within {span_s}." },
	{ "dpd_timeout", NULL, WHY_LOOK, NULL,
	  "Look at {silent} and at the path between: {asked_by} did what it should." },
	{ "dpd_timeout", NULL, WHY_FOR, "flow_silent=stopped",
	  "The protected packets from {silent} stopped as well, so it is not only IKE "
	  "that is lost." },
	{ "dpd_timeout", NULL, WHY_AGAINST, "flow_silent=runs",
	  "Protected packets from {silent} went on: the box lives. "
	  "Then only IKE is blocked or its IKE process hangs." },
	{ "dpd_timeout", NULL, WHY_AGAINST, NULL,
	  "From here a dead box, a dead link and a filter in between look the same." },
	{ "dpd_timeout", NULL, WHY_CONFIRM, NULL,
	  "Ping the outer address of {silent} and capture on it: "
	  "probes that do not arrive mean the path, probes that arrive unanswered mean the box." },
	{ "dpd_timeout", NULL, WHY_REFUTE, NULL,
	  "{silent} answered, and the answers went another way, past this capture." },

	/* ---- tunnel_down ---- */
	{ "tunnel_down", NULL, WHY_HEAD, NULL, "A tunnel that is expected to be up is down." },
	{ "tunnel_down", NULL, WHY_LOOK, NULL,
	  "No condition that sawatch knows explains it: begin with whether either side still sends "
	  "anything, see the timeline." },
	{ "tunnel_down", NULL, WHY_CONFIRM, NULL, "Start the tunnel by hand on one side and "
	  "capture: the first message without a good answer names the fault." },
	{ "tunnel_down", NULL, WHY_REFUTE, NULL,
	  "The tunnel runs on another path or another pair of addresses than this capture sees." },
	{ NULL, NULL, WHY_HEAD, NULL, NULL },
};
