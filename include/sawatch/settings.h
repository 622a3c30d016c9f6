/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every number an operator may change, in one list: it makes the struct, the
 * defaults, the parser's table, `config --defaults` and the manual.  Keys are
 * those of DETECTION-FACTS section 7; the unit is in the key's name.
 */
#ifndef SAWATCH_SETTINGS_H
#define SAWATCH_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/nsec.h>

/*
 * X(KIND, "key", field, default, min, max, "help")
 * KIND: COUNT (whole number), SECONDS and MILLISECONDS (given with decimals in
 * the config, kept as nsec), RATIO (0.05 is five per cent).  default, min and
 * max are in the unit of the key.
 */
#define SETTINGS(X) \
	X(COUNT, "table.tunnels", tables_tunnels, 16384, 16, 1048576, \
		"tunnels remembered at once") \
	X(COUNT, "table.ike_sas", tables_ike_sas, 262144, 16, 4194304, \
		"IKE SAs remembered at once") \
	X(COUNT, "table.child_sas", tables_child_sas, 524288, 16, 4194304, \
		"child SAs remembered at once") \
	X(COUNT, "table.esp_sas", tables_esp_sas, 1048576, 64, 16777216, \
		"ESP and AH SAs remembered at once") \
	X(COUNT, "history.keep_days", history_keep_days, 365, 0, 36500, \
		"while watching, and by sawatch prune, what ended longer ago is deleted from " \
		"the history; 0 keeps all") \
	X(COUNT, "history.max_mb", history_max_mb, 0, 0, 1073741824, \
		"and the oldest when the database is larger than so many " \
		"mebibytes; 0: no limit") \
	X(COUNT, "history.minutes_days", history_minutes_days, 14, 1, 36500, \
		"traffic per minute that is older is added up to hours") \
	X(COUNT, "history.hours_days", history_hours_days, 90, 1, 36500, \
		"and traffic per hour to days") \
	X(COUNT, "history.probes_days", history_probes_days, 14, 0, 36500, \
		"a peer's probes (DPD, liveness) that were answered at once and are older are " \
		"deleted: they are nearly all rows of a quiet tunnel; 0 keeps them as the rest") \
	X(COUNT, "store.backlog_mb", store_backlog_mb, 64, 4, 16384, \
		"mebibytes of records that may wait for a slow disk while watching") \
	X(SECONDS, "follow.lag_s", follow_lag, 30, 0, 3600, "while a file that is followed " \
		"(--follow) is silent, time in it goes on so much later: " \
		"who writes it may hold packets back for so long") \
	X(COUNT, "store.wal_mb", store_wal_mb, 256, 32, 1048576, \
		"mebibytes of the database's log (-wal) from which on records wait, " \
		"while a reader keeps it from being emptied") \
	X(COUNT, "history.strangers", history_strangers, 1024, 16, 1048576, \
		"tunnels that nobody answers recorded at once; beyond, one a second") \
	X(COUNT, "history.births", history_births, 262144, 16, 16777216, \
		"ESP SAs that no IKE exchange made tracked at once; " \
		"beyond, 64 a second, and what comes 16 times") \
	X(COUNT, "history.hints", history_hints, 512, 16, 1048576, \
		"rows of one tunnel that nothing confirms recorded at once; " \
		"beyond, one a second") \
	X(COUNT, "history.confirmed", history_confirmed, 8192, 64, 16777216, \
		"rows of one tunnel that are confirmed recorded at once; beyond, four a second") \
	X(COUNT, "history.alerts", history_alerts, 256, 16, 1048576, \
		"alerts about peers that were never up raised at once, " \
		"and of one cause about those whose IKE was never seen; " \
		"beyond, one in ten seconds") \
	X(COUNT, "table.alerts", tables_alerts, 8192, 16, 1048576, "alerts remembered at once") \
	X(MILLISECONDS, "dup.ike_ms", dup_ike, 200, 1, 10000, \
		"identical IKE messages closer than this are copies made by the mirror, " \
		"not retransmissions") \
	X(MILLISECONDS, "dup.esp_ms", dup_esp, 50, 1, 10000, "the same for ESP and AH") \
	X(MILLISECONDS, "nat_twin_ms", nat_twin, 50, 1, 10000, \
		"the same payload between other addresses within this is the packet " \
		"behind a NAT") \
	X(SECONDS, "settle_s", settle, 30, 0.1, 600, \
		"wait this long after a rekey before deciding what replaced what") \
	X(SECONDS, "overlap_budget_s", overlap_budget, 10, 0, 600, \
		"time an old SA may carry traffic after its replacement") \
	X(COUNT, "birth_seq_max", birth_seq_max, 16, 1, 4096, \
		"an SA first seen with a higher sequence number was there before the capture") \
	X(SECONDS, "birth_window_s", birth_window, 30, 0.1, 3600, \
		"a first ESP packet this long after an exchange still belongs to it when " \
		"nothing else claims it") \
	X(SECONDS, "chain.before_s", chain_before, 5, 0, 600, \
		"a new SPI may start this long before its predecessor stops") \
	X(SECONDS, "chain.after_s", chain_after, 30, 0, 3600, "or this long after it stopped") \
	X(SECONDS, "ended_keep_s", ended_keep, 600, 1, 86400, \
		"remember an ended SA this long, to recognise packets that come too late") \
	X(SECONDS, "silent_end_s", silent_end, 86400, 60, 2592000, \
		"an SA silent this long is taken for ended") \
	X(COUNT, "retx.warn_copies", retx_warn_copies, 3, 2, 100, \
		"transmissions of one IKE_AUTH request that make a warning") \
	X(COUNT, "retx.crit_copies", retx_crit_copies, 5, 2, 100, "and a critical alert") \
	X(SECONDS, "retx.window_s", retx_window, 60, 1, 3600, "within this time") \
	X(RATIO, "retx.abandon_factor", retx_abandon_factor, 2.2, 1, 10, \
		"a request is given up after this many times its last gap") \
	X(SECONDS, "retx.abandon_min_s", retx_abandon_min, 10, 0.1, 600, "but not before") \
	X(SECONDS, "retx.abandon_max_s", retx_abandon_max, 90, 1, 3600, "and not after") \
	X(COUNT, "retx.answered_copies", retx_answered_copies, 2, 1, 100, \
		"identical requests after the answer that make a warning") \
	X(COUNT, "retx.rounds_crit", retx_rounds_crit, 3, 1, 100, \
		"new IKE SAs ending like that within ten minutes that make it critical") \
	X(SECONDS, "retx.rounds_window_s", retx_rounds_window, 600, 1, 86400, \
		"the time for those new IKE SAs; the alert clears after twice as long") \
	X(SECONDS, "retx.answer_wait_s", retx_answer_wait, 2, 0, 60, \
		"an answer may take this long before a request counts as unanswered") \
	X(SECONDS, "retx.restart_s", retx_restart, 300, 1, 3600, \
		"a new IKE_SA_INIT this soon after a given-up IKE_AUTH makes it critical") \
	X(SECONDS, "churn.window_s", churn_window, 600, 1, 86400, \
		"replacements of ESP SAs are counted over this time") \
	X(COUNT, "churn.warn", churn_warn, 3, 1, 1000, "replacements in one direction that " \
		"make a warning (at least 2 per parallel SA, plus 1)") \
	X(COUNT, "churn.crit", churn_crit, 6, 1, 1000, \
		"and a critical alert (at least 4 per parallel SA)") \
	X(SECONDS, "churn.age_warn_s", churn_age_warn, 300, 0.01, 86400, \
		"only while the median age at replacement is below this") \
	X(SECONDS, "churn.age_crit_s", churn_age_crit, 120, 0.01, 86400, \
		"critical below this: no vendor allows a shorter lifetime") \
	X(COUNT, "flap.warn", flap_warn, 3, 2, 16, \
		"IKE SAs built from scratch that make a warning") \
	X(SECONDS, "flap.warn_s", flap_warn_window, 900, 1, 86400, "within this time") \
	X(COUNT, "flap.crit", flap_crit, 5, 2, 16, "and a critical alert") \
	X(SECONDS, "flap.crit_s", flap_crit_window, 300, 1, 86400, "within this time") \
	X(SECONDS, "flap.reauth_min_s", flap_reauth_min, 300, 1, 86400, \
		"IKE SAs replaced without a gap after at least this long are reauthenticated, " \
		"not flapping") \
	X(SECONDS, "flap.reauth_overlap_s", flap_reauth_overlap, 30, 0.1, 600, \
		"the old one goes this soon after the new one came") \
	X(COUNT, "limit_loop.n", limit_loop_n, 5, 3, 16, \
		"IKE SAs by one initiator at a constant distance that make a loop") \
	X(SECONDS, "limit_loop.window_s", limit_loop_window, 120, 1, 86400, "within this time") \
	X(RATIO, "limit_loop.cv", limit_loop_cv, 0.3, 0.01, 2, \
		"their distances spread less than this") \
	X(COUNT, "limit_loop.plateau", limit_loop_plateau, 4, 1, 64, \
		"and no more of them live at once") \
	X(COUNT, "periodic.min_n", periodic_min_n, 3, 2, 16, \
		"sessions that end at the same age for medium confidence") \
	X(COUNT, "periodic.high_n", periodic_high_n, 5, 2, 16, "and for high confidence") \
	X(RATIO, "periodic.cv", periodic_cv, 0.05, 0.001, 1, "their ages spread less than this") \
	X(SECONDS, "periodic.tolerance_s", periodic_tolerance, 30, 0.01, 3600, \
		"and differ by less than this, or 2 %") \
	X(SECONDS, "periodic.min_s", periodic_min, 120, 0.1, 86400, \
		"shorter sessions are flapping, not periodic") \
	X(SECONDS, "periodic.restart_s", periodic_restart, 600, 1, 86400, \
		"the next session begins this soon, or the tunnel was simply closed") \
	X(SECONDS, "periodic.window_s", periodic_window, 86400, 1, 2592000, \
		"the alert clears after twice as long without another end") \
	X(COUNT, "race.repeat", race_repeat, 2, 1, 16, "rekeys that collided and make a warning") \
	X(COUNT, "race.of_last", race_of_last, 10, 1, 16, "among so many of the latest") \
	X(MILLISECONDS, "race.delete_ms", race_delete, 5, 1, 10000, \
		"a Delete this soon after its own answer to a rekey crosses the rekey") \
	X(SECONDS, "race.window_s", race_window, 14400, 1, 604800, \
		"the alert clears after twice as long without a collision") \
	X(COUNT, "stale.min_pkts", stale_min_pkts, 5, 1, 100000, \
		"packets on a dead SPI that make a warning") \
	X(SECONDS, "stale.min_s", stale_min, 10, 0, 3600, "still sent this long after its end") \
	X(SECONDS, "stale.crit_s", stale_crit, 60, 0, 86400, "and critical from here") \
	X(SECONDS, "stale.window_s", stale_window, 300, 1, 86400, \
		"the alert clears after twice as long without such a packet") \
	X(COUNT, "init.warn_copies", init_warn_copies, 3, 2, 100, \
		"transmissions of one IKE_SA_INIT (or first main or aggressive mode message) " \
		"without an answer that make a warning") \
	X(COUNT, "init.warn_spis", init_warn_spis, 2, 1, 16, "or so many new attempts") \
	X(SECONDS, "init.window_s", init_window, 180, 1, 86400, "within this time") \
	X(SECONDS, "init.crit_s", init_crit, 900, 1, 86400, \
		"and critical when it goes on this long") \
	X(COUNT, "auth.crit", auth_crit, 5, 1, 16, \
		"refused authentications that make it critical") \
	X(SECONDS, "auth.window_s", auth_window, 600, 1, 86400, "within this time") \
	X(COUNT, "proposal.warn", proposal_warn, 2, 1, 16, \
		"refused proposals that make a warning") \
	X(SECONDS, "proposal.window_s", proposal_window, 600, 1, 86400, "within this time") \
	X(COUNT, "ts.warn", ts_warn, 3, 1, 16, "refused child SAs that make a warning") \
	X(SECONDS, "ts.window_s", ts_window, 600, 1, 86400, "within this time") \
	X(COUNT, "pfs.crit", pfs_crit, 2, 1, 16, "times the tunnel worked, could not be " \
		"rekeyed and was built anew that make it certain, and critical") \
	X(COUNT, "pfs.refusals", pfs_refusals, 3, 1, 16, \
		"or so many refused rekeys in a row that make a warning") \
	X(SECONDS, "pfs.window_s", pfs_window, 43200, 1, 2592000, "within this time") \
	X(COUNT, "rekey_fail.copies", rekey_fail_copies, 3, 2, 100, \
		"transmissions of one rekey request without an answer that make a warning") \
	X(COUNT, "rekey_fail.errors", rekey_fail_errors, 2, 1, 16, \
		"or so many refused ones in a row") \
	X(SECONDS, "rekey_fail.min_s", rekey_fail_min, 10, 0.01, 3600, \
		"and not before it failed for this long: one lost packet, " \
		"or one TEMPORARY_FAILURE, is no failure") \
	X(SECONDS, "rekey_fail.window_s", rekey_fail_window, 600, 1, 86400, \
		"the alert clears after twice as long without another failure") \
	X(SECONDS, "duplicate.apart_s", duplicate_apart, 5, 0, 3600, \
		"a peer that begins an IKE SA at most this long after the other's came up may " \
		"not have known: crossing initiations") \
	X(SECONDS, "duplicate.coexist_s", duplicate_coexist, 30, 0.1, 3600, \
		"and both IKE SAs live on together for this long") \
	X(COUNT, "duplicate.crit", duplicate_crit, 2, 1, 16, "such pairs that make it critical") \
	X(SECONDS, "duplicate.window_s", duplicate_window, 43200, 1, 2592000, "within this time") \
	X(COUNT, "asymmetry.min_n", asymmetry_min_n, 6, 2, 1000, \
		"rekeys in a row by the same peer that are worth a remark") \
	X(SECONDS, "asymmetry.window_s", asymmetry_window, 86400, 1, 2592000, \
		"the remark is over after twice as long without one") \
	X(SECONDS, "delete_race.effect_s", delete_race_effect, 10, 0.1, 600, \
		"traffic stops this soon after both peers deleted the SA") \
	X(SECONDS, "delete_race.window_s", delete_race_window, 3600, 1, 2592000, \
		"the alert clears after twice as long without another one") \
	X(SECONDS, "keyage.warn_s", keyage_warn, 86400, 1, 31536000, \
		"an SA still in use at this age is a warning") \
	X(RATIO, "keyage.late_factor", keyage_late_factor, 1.25, 1, 100, \
		"an SA still in use at this many times the age at which others were " \
		"replaced is late") \
	X(COUNT, "keyage.min_n", keyage_min_n, 4, 2, 32, "replaced SAs needed to know that age") \
	X(SECONDS, "keyage.window_s", keyage_window, 600, 1, 2592000, \
		"the alert clears after twice as long") \
	X(SECONDS, "restart.forgets_s", restart_forgets, 30, 0.1, 600, \
		"an old IKE SA deleted this soon after the new one was replaced in " \
		"an orderly way") \
	X(SECONDS, "restart.signs_s", restart_signs, 300, 1, 86400, \
		"complaints about unknown SPIs this long before the new IKE SA belong to it") \
	X(SECONDS, "restart.window_s", restart_window, 600, 1, 86400, \
		"the alert clears after twice as long without another restart") \
	X(COUNT, "ke.warn", ke_warn, 2, 1, 16, "times one attempt is sent back for another " \
		"Diffie-Hellman group that make a warning") \
	X(COUNT, "ke.warn_total", ke_warn_total, 4, 2, 16, "or so many within the window") \
	X(SECONDS, "ke.window_s", ke_window, 600, 1, 86400, "that window") \
	X(COUNT, "dpd.warn_copies", dpd_warn_copies, 3, 2, 100, \
		"transmissions of one liveness probe (or IKEv1 probes) without an answer that " \
		"make a warning") \
	X(SECONDS, "dpd.effect_s", dpd_effect, 60, 1, 3600, \
		"critical when the SA goes within this time") \
	X(SECONDS, "dpd.window_s", dpd_window, 300, 1, 86400, \
		"the alert clears after twice as long without an unanswered probe") \
	X(SECONDS, "oneway.window_s", oneway_window, 60, 1, 3600, \
		"one direction is silent this long") \
	X(COUNT, "oneway.min_pkts", oneway_min_pkts, 20, 1, 100000, \
		"while the other sends at least so many packets") \
	X(SECONDS, "worked_s", worked, 604800, 1, 31536000, \
		"a tunnel that was up within this time is missed when it is not") \
	X(RATIO, "volume.cv_bytes", volume_cv_bytes, 0.10, 0.001, 1, \
		"volumes of retired SAs that spread less than this are one volume limit") \
	X(RATIO, "volume.cv_age", volume_cv_age, 0.25, 0.001, 10, \
		"while their ages spread more than this") \
	X(RATIO, "volume.limit_tol", volume_limit_tol, 0.10, 0.001, 1, \
		"a volume this close to a vendor's limit is that limit") \
	X(COUNT, "volume.min_n", volume_min_n, 3, 2, 32, \
		"retired SAs needed to tell volume from time") \
	X(SECONDS, "volume.warn_s", volume_warn, 300, 0.01, 86400, \
		"a volume that is used up faster is a warning") \
	X(SECONDS, "volume.window_s", volume_window, 43200, 1, 2592000, \
		"the alert clears after twice as long without such an end") \
	X(RATIO, "life.declared_tol", life_declared_tol, 0.01, 0, 1, \
		"phase 1 lifetimes that differ by more than this are a mismatch") \
	X(SECONDS, "life.declared_apart_s", life_declared_apart, 604800, 1, 31536000, \
		"offers further apart than this are not compared") \
	X(SECONDS, "life.active_s", life_active, 30, 0.1, 3600, \
		"an SA that carried traffic this shortly before its end was not idle") \
	X(SECONDS, "life.silent_s", life_silent, 10, 0.1, 3600, \
		"one end stops sending this long before a new SA is made: " \
		"its lifetime may have run out there alone") \
	X(RATIO, "life.cluster_tol", life_cluster_tol, 0.03, 0.001, 1, \
		"ages this close to each other are one lifetime") \
	X(COUNT, "life.min_n_medium", life_min_n_medium, 2, 1, 100, \
		"early ends for medium confidence in an inferred mismatch") \
	X(COUNT, "life.min_n_high", life_min_n_high, 4, 1, 100, "and for high confidence") \
	X(SECONDS, "life.min_age_s", life_min_age, 120, 0.01, 86400, \
		"no vendor has a shorter time lifetime; younger ends are not one") \
	X(SECONDS, "life.window_s", life_window, 86400, 1, 2592000, \
		"ends of SAs are compared over this time") \
	X(SECONDS, "gap.min_s", gap_min, 1, 0.001, 3600, \
		"a pause in the traffic at least this long is a gap") \
	X(SECONDS, "gap.crit_s", gap_crit, 5, 0.001, 3600, "and critical from here") \
	X(SECONDS, "gap.window_s", gap_window, 3600, 1, 2592000, \
		"the alert clears after twice as long without a gap") \
	X(SECONDS, "gap.busy_s", gap_busy, 1.5, 0.001, 3600, \
		"packets at most this far apart on average make a busy SA") \
	X(RATIO, "gap.factor", gap_factor, 5, 1, 1000, \
		"and this many times the usual distance of its packets") \
	X(SECONDS, "idle_s", idle, 300, 1, 86400, "an SA without packets for this long is idle") \
	X(SECONDS, "idle.window_s", idle_window, 3600, 1, 2592000, \
		"the alert clears after twice as long without an idle end") \
	X(COUNT, "loss.flows", loss_flows, 3, 2, 1000, \
		"SAs whose sequence numbers jump at the same moment that make it capture loss") \
	X(MILLISECONDS, "loss.coincidence_ms", loss_coincidence, 100, 1, 10000, \
		"what is the same moment") \
	X(RATIO, "loss.warn", loss_warn, 0.01, 0.0001, 1, "share of lost ESP packets in a " \
		"minute of one direction that makes a warning, when it is more than chance") \
	X(RATIO, "loss.crit", loss_crit, 0.05, 0.0001, 1, "and a critical alert") \
	X(COUNT, "loss.min_pkts", loss_min_pkts, 500, 10, 1000000, \
		"with at least so many packets expected") \
	X(SECONDS, "loss.window_s", loss_window, 300, 1, 86400, \
		"the alert clears after twice as long without such a minute") \
	X(COUNT, "reorder.win", reorder_win, 64, 2, 4096, "replay window of the receiver (64 " \
		"Cisco, 128 libreswan, 1024 AWS): packets later than that are dropped") \
	X(RATIO, "reorder.info", reorder_info, 0.001, 0.00001, 1, \
		"share of late ESP packets in a minute that is worth telling") \
	X(COUNT, "reorder.warn", reorder_warn, 3, 1, 100000, \
		"packets in a minute at least half a window late that make a warning") \
	X(COUNT, "reorder.crit", reorder_crit, 10, 1, 100000, \
		"and at least a window late, a critical alert") \
	X(SECONDS, "reorder.window_s", reorder_window, 300, 1, 86400, \
		"the alert clears after twice as long without such a minute") \
	X(COUNT, "replay.warn", replay_warn, 5, 2, 16, \
		"replayed ESP packets in a minute that make a warning") \
	X(SECONDS, "replay.age_s", replay_age, 1, 0.05, 3600, \
		"a copy this long after the SA's latest packet is a replay, not the network's") \
	X(SECONDS, "replay.window_s", replay_window, 300, 1, 86400, \
		"the alert clears after twice as long without a copy") \
	X(COUNT, "reset.min_drop", reset_min_drop, 65536, 64, 2147483647, \
		"a sequence number that falls by less was restarted only when it begins at " \
		"the start again") \
	X(SECONDS, "reset.window_s", reset_window, 3600, 1, 86400, \
		"the alert clears after twice as long without a restart") \
	X(COUNT, "wrap.warn", wrap_warn, 3758096384, 1, 4294967295, \
		"sequence number that makes a warning (0xE0000000)") \
	X(COUNT, "wrap.crit", wrap_crit, 4293918720, 1, 4294967295, \
		"and a critical alert (0xFFF00000)") \
	X(SECONDS, "wrap.eta_s", wrap_eta, 600, 1, 86400, "or when it runs out within this time") \
	X(SECONDS, "wrap.jump_s", wrap_jump, 60, 1, 3600, \
		"a cluster that took over may jump there and rekeys within this time") \
	X(SECONDS, "wrap.window_s", wrap_window, 300, 1, 86400, \
		"the alert clears after twice as long when the SA was replaced") \
	X(COUNT, "frag.warn", frag_warn, 3, 1, 16, "incomplete datagrams or messages, " \
		"or ICMP complaints about one MTU, that make a warning") \
	X(RATIO, "frag.ratio", frag_ratio, 0.05, 0, 1, \
		"and this share of all datagrams that came in fragments") \
	X(SECONDS, "frag.window_s", frag_window, 600, 1, 86400, "within this time") \
	X(SECONDS, "nat.ka_info_s", nat_ka_info, 60, 1, 86400, \
		"silence of a peer behind a NAT that is worth telling (keepalives are " \
		"due every 20 s)") \
	X(SECONDS, "nat.ka_warn_s", nat_ka_warn, 120, 1, 86400, \
		"this long, twice within the window, makes a warning") \
	X(SECONDS, "nat.ka_window_s", nat_ka_window, 3600, 1, 86400, \
		"the alert clears after twice as long without such silence") \
	X(COUNT, "rebind.warn_per_h", rebind_warn, 3, 1, 16, \
		"new addresses or ports of one peer that make a warning") \
	X(SECONDS, "rebind.window_s", rebind_window, 3600, 1, 86400, "within this time") \
	X(SECONDS, "rebind.mobike_s", rebind_mobike, 10, 0.1, 600, \
		"an exchange this close to the move announced it (MOBIKE)") \
	X(SECONDS, "encap.min_s", encap_min, 60, 1, 3600, \
		"one peer sends ESP in UDP and the other without for this long") \
	X(SECONDS, "encap.window_s", encap_window, 300, 1, 86400, \
		"the alert clears after twice as long without that") \
	X(SECONDS, "weak.window_s", weak_window, 86400, 60, 2592000, \
		"weak algorithms of a tunnel are reported once in this time") \
	X(SECONDS, "aggressive.window_s", aggressive_window, 86400, 60, 2592000, \
		"and so is aggressive mode") \
	X(SECONDS, "downgrade.memory_s", downgrade_memory, 2592000, 60, 31536000, \
		"better algorithms are remembered this long") \
	X(SECONDS, "downgrade.version_s", downgrade_version, 600, 1, 86400, \
		"IKEv1 this soon after a failed IKEv2 is a downgrade") \
	X(SECONDS, "downgrade.window_s", downgrade_window, 86400, 60, 2592000, \
		"a downgrade is reported once in this time") \
	X(COUNT, "flood.halfopen", flood_halfopen, 20, 2, 512, \
		"half-open IKE SAs from one source that make a flood") \
	X(COUNT, "flood.responder", flood_responder, 30, 2, 512, \
		"or to one responder from peers never seen to work") \
	X(COUNT, "flood.cookies", flood_cookies, 10, 2, 512, \
		"or cookies asked for within a minute in vain") \
	X(SECONDS, "flood.span_s", flood_span, 10, 1, 600, \
		"half-open IKE SAs are counted over this time") \
	X(SECONDS, "flood.window_s", flood_window, 300, 1, 86400, \
		"the alert clears after twice as long without a flood") \
	X(COUNT, "scan.dsts", scan_dsts, 10, 2, 256, \
		"addresses one source asks in vain that make a scan") \
	X(SECONDS, "scan.span_s", scan_span, 60, 1, 3600, "within this time") \
	X(SECONDS, "scan.window_s", scan_window, 600, 1, 86400, \
		"the alert clears after twice as long without a scan") \
	X(SECONDS, "spoof.works_s", spoof_works, 30, 1, 3600, \
		"an SA that works this long after an unprotected error did not deserve it") \
	X(SECONDS, "spoof.window_s", spoof_window, 3600, 1, 86400, \
		"the alert clears after twice as long without such an error") \
	X(SECONDS, "tunnel_down.hold_s", tunnel_down_hold, 420, 1, 86400, \
		"an expected tunnel is reported when it is down this long") \
	X(SECONDS, "tunnel_down.clear_s", tunnel_down_clear, 900, 1, 86400, \
		"and the alert is over when it is up this long") \
	X(RATIO, "mirror.ratio", mirror_ratio, 0.8, 0.1, 1, \
		"share of packets seen twice in ten seconds that makes a duplicating mirror") \
	X(COUNT, "mirror.min_packets", mirror_min_packets, 10, 2, 100000, \
		"and at least this many packets") \
	X(COUNT, "one_sided.min_exchanges", one_sided_min, 2, 1, 1000, \
		"answers proven but not seen that make a one-sided capture") \
	X(SECONDS, "clock.back_s", clock_back, 1, 0.001, 3600, \
		"a step back of the capture's clock by more is reported") \
	X(SECONDS, "clock.forward_s", clock_forward, 60, 1, 86400, \
		"a step forward by more, while sequence numbers hardly moved, is reported") \
	X(SECONDS, "capture.window_s", capture_window, 1800, 1, 86400, \
		"a fact about the capture is told once for this time, " \
		"and over after twice as long") \
	X(COUNT, "syslog.facility", syslog_facility, 3, 0, 23, \
		"facility of syslog messages (3 is daemon, 16 to 23 are local0 to local7)") \
	X(SECONDS, "metrics.every_s", metrics_every, 5, 1, 300, \
		"metrics are told anew this often") \
	X(COUNT, "metrics.tunnels", metrics_tunnels, 1000, 0, 20000, \
		"tunnels that have metrics of their own, besides the expected ones") \
	X(SECONDS, "on_alert.timeout_s", on_alert_timeout, 30, 1, 3600, \
		"the command for an alert is stopped after this time") \
	X(COUNT, "on_alert.per_minute", on_alert_per_minute, 30, 1, 6000, \
		"it is run so often at most; more alerts wait") \
	X(SECONDS, "judge_s", judge_every, 10, 0.01, 600, "tunnels are judged this often") \
	X(SECONDS, "realert_s", realert, 900, 1, 86400, \
		"the same alert of the same tunnel is not raised anew within this time")

#define SETTING_FIELD_COUNT int64_t
#define SETTING_FIELD_SECONDS nsec
#define SETTING_FIELD_MILLISECONDS nsec
#define SETTING_FIELD_RATIO double
#define SAWATCH_SETTING_FIELD(kind, key, field, initial, low, high, text) \
	SETTING_FIELD_##kind field;
struct settings { SETTINGS(SAWATCH_SETTING_FIELD) };

/* All defaults. */
void settings_defaults(struct settings *ret);

enum setting_kind { SETTING_COUNT, SETTING_SECONDS, SETTING_MILLISECONDS, SETTING_RATIO };

struct setting {
	const char *key;
	enum setting_kind kind;
	double initial, min, max;	/* in the unit of the key */
	const char *text;
	size_t offset;			/* of the field in struct settings */
};

/* The table, in the list's order; ends with a NULL key. */
const struct setting *settings_table(void);

/*
 * Set one key from text.  False, with the reason in `e` (unknown key with the nearest one, not a
 * number, out of limits); `e` does not name a file or line: the caller does.
 */
bool settings_set(struct settings *s, const char *key, const char *value, struct err *e);

/* The present value of a key in its own unit. */
double settings_get(const struct settings *s, const struct setting *which);

#endif
