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
		"tunnels kept in memory at once") \
	X(COUNT, "table.ike_sas", tables_ike_sas, 262144, 16, 4194304, \
		"IKE SAs kept in memory at once") \
	X(COUNT, "table.child_sas", tables_child_sas, 524288, 16, 4194304, \
		"child SAs kept in memory at once") \
	X(COUNT, "table.esp_sas", tables_esp_sas, 1048576, 64, 16777216, \
		"ESP and AH SAs kept in memory at once") \
	X(COUNT, "history.keep_days", history_keep_days, 365, 0, 36500, \
		"rows of what ended more than this many days ago are deleted from the " \
		"history, by sawatch -i and by sawatch prune; 0 keeps all") \
	X(COUNT, "history.max_mb", history_max_mb, 0, 0, 1073741824, \
		"when the database is larger than this many mebibytes, the oldest rows are " \
		"deleted; 0: no limit") \
	X(COUNT, "history.minutes_days", history_minutes_days, 14, 1, 36500, \
		"traffic per minute that is older than this many days is added up to hours") \
	X(COUNT, "history.hours_days", history_hours_days, 90, 1, 36500, \
		"traffic per hour that is older than this many days is added up to days") \
	X(COUNT, "history.probes_days", history_probes_days, 14, 0, 36500, \
		"liveness probes (DPD) that were answered at once are deleted after this many " \
		"days: they are nearly all rows of a quiet tunnel; 0 keeps them as long as " \
		"other rows") \
	X(COUNT, "store.backlog_mb", store_backlog_mb, 64, 4, 16384, \
		"while watching, mebibytes of records that may wait in memory for a slow or " \
		"full disk") \
	X(SECONDS, "follow.lag_s", follow_lag, 30, 0, 3600, \
		"with --follow: while the file is silent, its time goes on this far behind " \
		"this machine's clock, because the program that writes the file may hold " \
		"packets back for so long") \
	X(COUNT, "store.wal_mb", store_wal_mb, 256, 32, 1048576, \
		"when a reader keeps the database's log (-wal) from being emptied and the log " \
		"has grown to this many mebibytes, records wait in memory") \
	X(COUNT, "history.strangers", history_strangers, 1024, 16, 1048576, \
		"tunnels without any answer that are recorded in one burst; after that, one a " \
		"second") \
	X(COUNT, "history.births", history_births, 262144, 16, 16777216, \
		"ESP SAs without an IKE exchange that are tracked in one burst; after that, " \
		"64 a second, and each SPI that is seen 16 times") \
	X(COUNT, "history.hints", history_hints, 512, 16, 1048576, \
		"rows of one tunnel that nothing else confirms that are recorded in one " \
		"burst; after that, one a second") \
	X(COUNT, "history.confirmed", history_confirmed, 8192, 64, 16777216, \
		"confirmed rows of one tunnel that are recorded in one burst; after that, " \
		"four a second") \
	X(COUNT, "history.alerts", history_alerts, 256, 16, 1048576, \
		"alerts raised in one burst about peers that were never up, and alerts of one " \
		"condition about tunnels without IKE; after that, one in ten seconds") \
	X(COUNT, "table.alerts", tables_alerts, 8192, 16, 1048576, \
		"alerts kept in memory at once") \
	X(MILLISECONDS, "dup.ike_ms", dup_ike, 200, 1, 10000, \
		"identical IKE messages closer than this are copies made by the mirror, " \
		"not retransmissions") \
	X(MILLISECONDS, "dup.esp_ms", dup_esp, 50, 1, 10000, \
		"identical ESP or AH packets closer than this are copies made by the mirror") \
	X(MILLISECONDS, "nat_twin_ms", nat_twin, 50, 1, 10000, \
		"the same payload between other addresses within this time is the same packet " \
		"on the other side of a NAT") \
	X(SECONDS, "settle_s", settle, 30, 0.1, 600, \
		"wait this long after a rekey before deciding what replaced what") \
	X(SECONDS, "overlap_budget_s", overlap_budget, 10, 0, 600, \
		"time an old SA may carry traffic after its replacement") \
	X(COUNT, "birth_seq_max", birth_seq_max, 16, 1, 4096, \
		"an SA whose first sequence number is higher than this existed before the " \
		"capture began") \
	X(SECONDS, "birth_window_s", birth_window, 30, 0.1, 3600, \
		"the first packet of an ESP SA may come this long after the exchange that " \
		"made it, when no other exchange fits") \
	X(SECONDS, "chain.before_s", chain_before, 5, 0, 600, \
		"a new SPI replaces an old one if it starts at most this long before the old " \
		"one stops") \
	X(SECONDS, "ended_keep_s", ended_keep, 600, 1, 86400, \
		"remember an ended SA this long, to recognise packets that come too late") \
	X(SECONDS, "silent_end_s", silent_end, 86400, 60, 2592000, \
		"an SA without packets for this long is considered ended") \
	X(COUNT, "retx.warn_copies", retx_warn_copies, 3, 2, 100, \
		"warning: one IKE_AUTH request was sent this many times (within " \
		"retx.window_s)") \
	X(COUNT, "retx.crit_copies", retx_crit_copies, 5, 2, 100, \
		"critical: one IKE_AUTH request was sent this many times (within " \
		"retx.window_s)") \
	X(SECONDS, "retx.window_s", retx_window, 60, 1, 3600, \
		"copies of an IKE_AUTH request are counted over this time") \
	X(RATIO, "retx.abandon_factor", retx_abandon_factor, 2.2, 1, 10, \
		"a request counts as given up when its last gap between two copies, times " \
		"this factor, has passed without another copy") \
	X(SECONDS, "retx.abandon_min_s", retx_abandon_min, 10, 0.1, 600, \
		"a request never counts as given up before this time without another copy") \
	X(SECONDS, "retx.abandon_max_s", retx_abandon_max, 90, 1, 3600, \
		"a request always counts as given up after this time without another copy") \
	X(COUNT, "retx.answered_copies", retx_answered_copies, 2, 1, 100, \
		"warning: this many identical requests came after the answer") \
	X(COUNT, "retx.rounds_crit", retx_rounds_crit, 3, 1, 100, \
		"critical: this many new IKE SAs ended in the same way within " \
		"retx.rounds_window_s") \
	X(SECONDS, "retx.rounds_window_s", retx_rounds_window, 600, 1, 86400, \
		"such IKE SAs are counted over this time; the alert clears after twice as " \
		"long") \
	X(SECONDS, "retx.answer_wait_s", retx_answer_wait, 2, 0, 60, \
		"an answer may take this long before a request counts as unanswered") \
	X(SECONDS, "retx.restart_s", retx_restart, 300, 1, 3600, \
		"critical: a new IKE_SA_INIT follows this soon after an IKE_AUTH that was " \
		"given up") \
	X(SECONDS, "churn.window_s", churn_window, 600, 1, 86400, \
		"replacements of ESP SAs are counted over this time") \
	X(COUNT, "churn.warn", churn_warn, 3, 1, 1000, \
		"warning: this many replacements in one direction (at least 2 per parallel " \
		"SA, plus 1)") \
	X(COUNT, "churn.crit", churn_crit, 6, 1, 1000, \
		"critical: this many replacements in one direction (at least 4 per parallel " \
		"SA)") \
	X(SECONDS, "churn.age_warn_s", churn_age_warn, 300, 0.01, 86400, \
		"no warning unless the median age at replacement is below this") \
	X(SECONDS, "churn.age_crit_s", churn_age_crit, 120, 0.01, 86400, \
		"not critical unless the median age at replacement is below this: no vendor " \
		"allows a shorter lifetime") \
	X(COUNT, "flap.warn", flap_warn, 3, 2, 16, \
		"warning: this many IKE SAs built from scratch within flap.warn_s") \
	X(SECONDS, "flap.warn_s", flap_warn_window, 900, 1, 86400, \
		"IKE SAs are counted over this time for a warning") \
	X(COUNT, "flap.crit", flap_crit, 5, 2, 16, \
		"critical: this many IKE SAs built from scratch within flap.crit_s") \
	X(SECONDS, "flap.crit_s", flap_crit_window, 300, 1, 86400, \
		"IKE SAs are counted over this time for a critical alert") \
	X(SECONDS, "flap.reauth_min_s", flap_reauth_min, 300, 1, 86400, \
		"an IKE SA that was replaced without a gap at this age or later was " \
		"reauthenticated, which is no flapping") \
	X(SECONDS, "flap.reauth_overlap_s", flap_reauth_overlap, 30, 0.1, 600, \
		"at a reauthentication the old IKE SA ends at most this long after the new " \
		"one was established") \
	X(COUNT, "limit_loop.n", limit_loop_n, 5, 3, 16, \
		"this many IKE SAs by one initiator, at constant intervals, make a loop") \
	X(SECONDS, "limit_loop.window_s", limit_loop_window, 120, 1, 86400, \
		"IKE SAs are counted over this time") \
	X(RATIO, "limit_loop.cv", limit_loop_cv, 0.3, 0.01, 2, \
		"intervals are constant when their coefficient of variation is at most this") \
	X(COUNT, "limit_loop.plateau", limit_loop_plateau, 4, 1, 64, \
		"no more than this many of these IKE SAs, plus the newest, are alive at once " \
		"in a loop") \
	X(COUNT, "periodic.min_n", periodic_min_n, 3, 2, 16, \
		"medium confidence: this many sessions ended at the same age") \
	X(COUNT, "periodic.high_n", periodic_high_n, 5, 2, 16, \
		"high confidence: this many sessions ended at the same age") \
	X(RATIO, "periodic.cv", periodic_cv, 0.05, 0.001, 1, \
		"ages are the same when their coefficient of variation is at most this") \
	X(SECONDS, "periodic.tolerance_s", periodic_tolerance, 30, 0.01, 3600, \
		"ages are the same when they differ by less than this, or by less than 2 %") \
	X(SECONDS, "periodic.min_s", periodic_min, 120, 0.1, 86400, \
		"sessions shorter than this are flapping, not periodic") \
	X(SECONDS, "periodic.restart_s", periodic_restart, 600, 1, 86400, \
		"the next session must begin within this time; otherwise the tunnel was " \
		"simply closed") \
	X(SECONDS, "periodic.window_s", periodic_window, 86400, 1, 2592000, \
		"the alert clears after twice as long without another end") \
	X(COUNT, "race.repeat", race_repeat, 2, 1, 16, \
		"warning: this many of the latest race.of_last rekeys collided") \
	X(COUNT, "race.of_last", race_of_last, 10, 1, 16, \
		"how many of the latest rekeys are looked at for race.repeat") \
	X(MILLISECONDS, "race.delete_ms", race_delete, 5, 1, 10000, \
		"a Delete that the responder of a rekey sends this soon after its own answer " \
		"crosses that rekey") \
	X(SECONDS, "race.window_s", race_window, 14400, 1, 604800, \
		"the alert clears after twice as long without a collision") \
	X(COUNT, "stale.min_pkts", stale_min_pkts, 5, 1, 100000, \
		"warning: this many packets on an SPI that has ended, if they go on for " \
		"stale.min_s") \
	X(SECONDS, "stale.min_s", stale_min, 10, 0, 3600, \
		"warning: packets are still sent this long after the end of the SPI") \
	X(SECONDS, "stale.crit_s", stale_crit, 60, 0, 86400, \
		"critical: packets are still sent this long after the end of the SPI") \
	X(SECONDS, "stale.window_s", stale_window, 300, 1, 86400, \
		"the alert clears after twice as long without such a packet") \
	X(COUNT, "init.warn_copies", init_warn_copies, 3, 2, 100, \
		"warning: one IKE_SA_INIT (or first message of main or aggressive mode) was " \
		"sent this many times without an answer") \
	X(COUNT, "init.warn_spis", init_warn_spis, 2, 1, 16, \
		"warning: this many new attempts without an answer, each with an SPI of its " \
		"own, within init.window_s") \
	X(SECONDS, "init.window_s", init_window, 180, 1, 86400, \
		"copies and attempts are counted over this time") \
	X(SECONDS, "init.crit_s", init_crit, 900, 1, 86400, \
		"critical: attempts have gone on without an answer for this long") \
	X(COUNT, "auth.crit", auth_crit, 5, 1, 16, \
		"critical: this many authentications were refused within auth.window_s") \
	X(SECONDS, "auth.window_s", auth_window, 600, 1, 86400, \
		"refused authentications are counted over this time") \
	X(COUNT, "proposal.warn", proposal_warn, 2, 1, 16, \
		"warning: this many proposals were refused within proposal.window_s") \
	X(SECONDS, "proposal.window_s", proposal_window, 600, 1, 86400, \
		"refused proposals are counted over this time") \
	X(COUNT, "ts.warn", ts_warn, 3, 1, 16, \
		"warning: this many child SAs were refused within ts.window_s") \
	X(SECONDS, "ts.window_s", ts_window, 600, 1, 86400, \
		"refused child SAs are counted over this time") \
	X(COUNT, "pfs.crit", pfs_crit, 2, 1, 16, \
		"certain, and critical: this many times the tunnel worked, could not be " \
		"rekeyed and was built from scratch") \
	X(COUNT, "pfs.refusals", pfs_refusals, 3, 1, 16, \
		"warning: this many rekeys in a row were refused") \
	X(SECONDS, "pfs.window_s", pfs_window, 43200, 1, 2592000, \
		"failed and refused rekeys are counted over this time") \
	X(COUNT, "rekey_fail.copies", rekey_fail_copies, 3, 2, 100, \
		"warning: one rekey request was sent this many times without an answer") \
	X(COUNT, "rekey_fail.errors", rekey_fail_errors, 2, 1, 16, \
		"warning: this many rekeys in a row were refused") \
	X(SECONDS, "rekey_fail.min_s", rekey_fail_min, 10, 0.01, 3600, \
		"no warning before rekeys have failed for this long: one lost packet, or one " \
		"TEMPORARY_FAILURE, is no failure") \
	X(SECONDS, "rekey_fail.window_s", rekey_fail_window, 600, 1, 86400, \
		"the alert clears after twice as long without another failure") \
	X(SECONDS, "duplicate.apart_s", duplicate_apart, 5, 0, 3600, \
		"when both peers begin an IKE SA within this time, neither could know of the " \
		"other's: crossing initiations") \
	X(SECONDS, "duplicate.coexist_s", duplicate_coexist, 30, 0.1, 3600, \
		"two IKE SAs are duplicates when both have lived side by side for this long") \
	X(COUNT, "duplicate.crit", duplicate_crit, 2, 1, 16, \
		"critical: this many such pairs within duplicate.window_s") \
	X(SECONDS, "duplicate.window_s", duplicate_window, 43200, 1, 2592000, \
		"pairs of IKE SAs are counted over this time") \
	X(COUNT, "asymmetry.min_n", asymmetry_min_n, 6, 2, 1000, \
		"this many rekeys in a row by the same peer are reported as information") \
	X(SECONDS, "asymmetry.window_s", asymmetry_window, 86400, 1, 2592000, \
		"the alert clears after twice as long without such a rekey") \
	X(SECONDS, "delete_race.effect_s", delete_race_effect, 10, 0.1, 600, \
		"the double Delete had an effect when traffic stops within this time after " \
		"both peers deleted the SA") \
	X(SECONDS, "delete_race.window_s", delete_race_window, 3600, 1, 2592000, \
		"the alert clears after twice as long without another one") \
	X(SECONDS, "keyage.warn_s", keyage_warn, 86400, 1, 31536000, \
		"warning: an SA is still in use at this age") \
	X(RATIO, "keyage.late_factor", keyage_late_factor, 1.25, 1, 100, \
		"an SA is late when it is still in use at this many times the age at which " \
		"earlier ones were replaced") \
	X(COUNT, "keyage.min_n", keyage_min_n, 4, 2, 32, \
		"this many replaced SAs are needed to know that usual age") \
	X(SECONDS, "keyage.window_s", keyage_window, 600, 1, 2592000, \
		"the alert clears after twice as long without such an SA") \
	X(SECONDS, "restart.forgets_s", restart_forgets, 30, 0.1, 600, \
		"after a new IKE SA, the peer has this long to delete or use the old one; " \
		"otherwise it has forgotten it: a restart") \
	X(SECONDS, "restart.signs_s", restart_signs, 300, 1, 86400, \
		"complaints about unknown SPIs that come this long before the new IKE SA " \
		"belong to the same restart") \
	X(SECONDS, "restart.window_s", restart_window, 600, 1, 86400, \
		"the alert clears after twice as long without another restart") \
	X(COUNT, "ke.warn", ke_warn, 2, 1, 16, \
		"warning: one attempt was sent back this many times for another " \
		"Diffie-Hellman group") \
	X(COUNT, "ke.warn_total", ke_warn_total, 4, 2, 16, \
		"warning: attempts were sent back this many times in all within ke.window_s") \
	X(SECONDS, "ke.window_s", ke_window, 600, 1, 86400, \
		"attempts that were sent back are counted over this time") \
	X(COUNT, "dpd.warn_copies", dpd_warn_copies, 3, 2, 100, \
		"warning: one liveness probe was sent this many times (IKEv1: this many " \
		"probes in a row) without an answer") \
	X(SECONDS, "dpd.effect_s", dpd_effect, 60, 1, 3600, \
		"critical: the SA ends within this time after the unanswered probes") \
	X(SECONDS, "dpd.window_s", dpd_window, 300, 1, 86400, \
		"the alert clears after twice as long without an unanswered probe") \
	X(SECONDS, "oneway.window_s", oneway_window, 60, 1, 3600, \
		"one direction must be silent for this long") \
	X(COUNT, "oneway.min_pkts", oneway_min_pkts, 20, 1, 100000, \
		"the other direction must send at least this many packets meanwhile") \
	X(SECONDS, "worked_s", worked, 604800, 1, 31536000, \
		"a tunnel that was up within this time counts as one that worked before") \
	X(RATIO, "volume.cv_bytes", volume_cv_bytes, 0.10, 0.001, 1, \
		"volumes of ended SAs show a volume limit when their coefficient of variation " \
		"is at most this") \
	X(RATIO, "volume.cv_age", volume_cv_age, 0.25, 0.001, 10, \
		"there is a volume limit only if the ages of these SAs have a coefficient of " \
		"variation above this") \
	X(RATIO, "volume.limit_tol", volume_limit_tol, 0.10, 0.001, 1, \
		"a volume this close to a vendor's limit is that limit") \
	X(COUNT, "volume.min_n", volume_min_n, 3, 2, 32, \
		"this many ended SAs are needed to tell a volume limit from a time limit") \
	X(SECONDS, "volume.warn_s", volume_warn, 300, 0.01, 86400, \
		"warning: the volume is used up in less than this time") \
	X(SECONDS, "volume.window_s", volume_window, 43200, 1, 2592000, \
		"the alert clears after twice as long without such an end") \
	X(RATIO, "life.declared_tol", life_declared_tol, 0.01, 0, 1, \
		"declared IKEv1 phase 1 lifetimes that differ by more than this share are a " \
		"mismatch") \
	X(SECONDS, "life.declared_apart_s", life_declared_apart, 604800, 1, 31536000, \
		"offers that are further apart in time than this are not compared") \
	X(SECONDS, "life.active_s", life_active, 30, 0.1, 3600, \
		"an SA that carried traffic within this time before its end was not idle") \
	X(SECONDS, "life.silent_s", life_silent, 10, 0.1, 3600, \
		"one end stops sending this long before a new SA is made: " \
		"its lifetime may have run out there alone") \
	X(RATIO, "life.cluster_tol", life_cluster_tol, 0.03, 0.001, 1, \
		"ages that differ by at most this share are one lifetime") \
	X(COUNT, "life.min_n_medium", life_min_n_medium, 2, 1, 100, \
		"medium confidence: this many SAs ended early at the same age") \
	X(COUNT, "life.min_n_high", life_min_n_high, 4, 1, 100, \
		"high confidence: this many SAs ended early at the same age") \
	X(SECONDS, "life.min_age_s", life_min_age, 120, 0.01, 86400, \
		"ends at a younger age are no lifetime: no vendor allows a shorter one") \
	X(SECONDS, "life.window_s", life_window, 86400, 1, 2592000, \
		"ends of SAs are compared over this time") \
	X(SECONDS, "gap.min_s", gap_min, 1, 0.001, 3600, \
		"a pause in the traffic of at least this long is a gap") \
	X(SECONDS, "gap.crit_s", gap_crit, 5, 0.001, 3600, \
		"critical: the gap is at least this long") \
	X(SECONDS, "gap.window_s", gap_window, 3600, 1, 2592000, \
		"the alert clears after twice as long without a gap") \
	X(SECONDS, "gap.busy_s", gap_busy, 1.5, 0.001, 3600, \
		"an SA is busy when its packets are at most this far apart on average") \
	X(RATIO, "gap.factor", gap_factor, 5, 1, 1000, \
		"a gap is at least this many times the usual distance between packets") \
	X(SECONDS, "idle_s", idle, 300, 1, 86400, "an SA without packets for this long is idle") \
	X(SECONDS, "idle.window_s", idle_window, 3600, 1, 2592000, \
		"the alert clears after twice as long without an idle end") \
	X(COUNT, "loss.flows", loss_flows, 3, 2, 1000, \
		"when the sequence numbers of this many SAs jump at the same moment, the " \
		"capture lost packets") \
	X(MILLISECONDS, "loss.coincidence_ms", loss_coincidence, 100, 1, 10000, \
		"jumps this close together are at the same moment") \
	X(RATIO, "loss.warn", loss_warn, 0.01, 0.0001, 1, \
		"warning: this share of the ESP packets of one direction was lost within a " \
		"minute, and that is more than chance") \
	X(RATIO, "loss.crit", loss_crit, 0.05, 0.0001, 1, \
		"critical: this share of the ESP packets of one direction was lost within a " \
		"minute") \
	X(COUNT, "loss.min_pkts", loss_min_pkts, 500, 10, 1000000, \
		"loss is judged only where at least this many packets were expected within " \
		"the minute") \
	X(SECONDS, "loss.window_s", loss_window, 300, 1, 86400, \
		"the alert clears after twice as long without such a minute") \
	X(COUNT, "reorder.win", reorder_win, 64, 2, 4096, "replay window of the receiver (64 " \
		"Cisco, 128 libreswan, 1024 AWS): packets later than that are dropped") \
	X(RATIO, "reorder.info", reorder_info, 0.001, 0.00001, 1, \
		"this share of late ESP packets within a minute is reported as information") \
	X(COUNT, "reorder.warn", reorder_warn, 3, 1, 100000, \
		"warning: this many packets within a minute came at least half a window late") \
	X(COUNT, "reorder.crit", reorder_crit, 10, 1, 100000, \
		"critical: this many packets within a minute came at least a window late") \
	X(SECONDS, "reorder.window_s", reorder_window, 300, 1, 86400, \
		"the alert clears after twice as long without such a minute") \
	X(COUNT, "replay.warn", replay_warn, 5, 2, 16, \
		"warning: this many ESP packets were replayed within a minute") \
	X(SECONDS, "replay.age_s", replay_age, 1, 0.05, 3600, \
		"a copy that comes this long after the packet that it repeats is a replay; " \
		"an earlier one was made by the network") \
	X(SECONDS, "replay.window_s", replay_window, 300, 1, 86400, \
		"the alert clears after twice as long without a copy") \
	X(COUNT, "reset.min_drop", reset_min_drop, 65536, 64, 2147483647, \
		"a sequence number that falls by less than this was restarted only if it " \
		"begins near 1 again") \
	X(SECONDS, "reset.window_s", reset_window, 3600, 1, 86400, \
		"the alert clears after twice as long without a restart") \
	X(COUNT, "wrap.warn", wrap_warn, 3758096384, 1, 4294967295, \
		"warning: a sequence number has reached this value (0xE0000000)") \
	X(COUNT, "wrap.crit", wrap_crit, 4293918720, 1, 4294967295, \
		"critical: a sequence number has reached this value (0xFFF00000)") \
	X(SECONDS, "wrap.eta_s", wrap_eta, 600, 1, 86400, \
		"critical: sequence numbers will run out within this time") \
	X(SECONDS, "wrap.jump_s", wrap_jump, 60, 1, 3600, \
		"no alert for this long after a jump of the sequence number: the member of a " \
		"cluster that takes over jumps ahead and then rekeys") \
	X(SECONDS, "wrap.window_s", wrap_window, 300, 1, 86400, \
		"the alert clears twice as long after the SA was replaced") \
	X(COUNT, "frag.warn", frag_warn, 3, 1, 16, \
		"warning: this many incomplete datagrams or messages, or ICMP complaints " \
		"about one MTU, within frag.window_s") \
	X(RATIO, "frag.ratio", frag_ratio, 0.05, 0, 1, \
		"no warning unless this share of all datagrams that came in fragments was " \
		"incomplete") \
	X(SECONDS, "frag.window_s", frag_window, 600, 1, 86400, \
		"incomplete datagrams are counted over this time") \
	X(SECONDS, "nat.ka_info_s", nat_ka_info, 60, 1, 86400, \
		"information: a peer behind a NAT was silent for this long (keepalives are " \
		"due every 20 s)") \
	X(SECONDS, "nat.ka_warn_s", nat_ka_warn, 120, 1, 86400, \
		"warning: a peer behind a NAT was silent for this long, twice within " \
		"nat.ka_window_s") \
	X(SECONDS, "nat.ka_window_s", nat_ka_window, 3600, 1, 86400, \
		"the alert clears after twice as long without such silence") \
	X(COUNT, "rebind.warn_per_h", rebind_warn, 3, 1, 16, \
		"warning: one peer had this many new addresses or ports within " \
		"rebind.window_s") \
	X(SECONDS, "rebind.window_s", rebind_window, 3600, 1, 86400, \
		"new addresses and ports are counted over this time") \
	X(SECONDS, "rebind.mobike_s", rebind_mobike, 10, 0.1, 600, \
		"a move was announced (MOBIKE) when an exchange came within this time of it") \
	X(SECONDS, "encap.min_s", encap_min, 60, 1, 3600, \
		"for this long one peer sends ESP in UDP and the other one plain ESP") \
	X(SECONDS, "encap.window_s", encap_window, 300, 1, 86400, \
		"the alert clears after twice as long without that") \
	X(SECONDS, "weak.window_s", weak_window, 86400, 60, 2592000, \
		"weak algorithms of a tunnel are reported once in this time") \
	X(SECONDS, "aggressive.window_s", aggressive_window, 86400, 60, 2592000, \
		"aggressive mode of a tunnel is reported once in this time") \
	X(SECONDS, "downgrade.memory_s", downgrade_memory, 2592000, 60, 31536000, \
		"better algorithms are remembered this long") \
	X(SECONDS, "downgrade.version_s", downgrade_version, 600, 1, 86400, \
		"IKEv1 that begins within this time after a failed IKEv2 is a downgrade") \
	X(SECONDS, "downgrade.window_s", downgrade_window, 86400, 60, 2592000, \
		"a downgrade is reported once in this time") \
	X(COUNT, "flood.halfopen", flood_halfopen, 20, 2, 512, \
		"a flood: this many half-open IKE SAs from one source within flood.span_s") \
	X(COUNT, "flood.responder", flood_responder, 30, 2, 512, \
		"a flood: this many half-open IKE SAs to one responder from peers that never " \
		"worked, within flood.span_s") \
	X(COUNT, "flood.cookies", flood_cookies, 10, 2, 512, \
		"a flood: this many cookies asked for within a minute that were never " \
		"returned") \
	X(SECONDS, "flood.span_s", flood_span, 10, 1, 600, \
		"half-open IKE SAs are counted over this time") \
	X(SECONDS, "flood.window_s", flood_window, 300, 1, 86400, \
		"the alert clears after twice as long without a flood") \
	X(COUNT, "scan.dsts", scan_dsts, 10, 2, 256, \
		"a scan: one source asks this many addresses without an answer within " \
		"scan.span_s") \
	X(SECONDS, "scan.span_s", scan_span, 60, 1, 3600, \
		"addresses asked without an answer are counted over this time") \
	X(SECONDS, "scan.window_s", scan_window, 600, 1, 86400, \
		"the alert clears after twice as long without a scan") \
	X(SECONDS, "spoof.works_s", spoof_works, 30, 1, 3600, \
		"an unprotected error message was probably forged when its SA still works " \
		"this long afterwards") \
	X(SECONDS, "spoof.window_s", spoof_window, 3600, 1, 86400, \
		"the alert clears after twice as long without such an error") \
	X(SECONDS, "tunnel_down.hold_s", tunnel_down_hold, 420, 1, 86400, \
		"an expected tunnel is reported when it has been down for this long") \
	X(SECONDS, "tunnel_down.clear_s", tunnel_down_clear, 900, 1, 86400, \
		"the alert clears when the tunnel has been up for this long") \
	X(RATIO, "mirror.ratio", mirror_ratio, 0.8, 0.1, 1, \
		"this share of packets seen twice within ten seconds means that the mirror " \
		"duplicates") \
	X(COUNT, "mirror.min_packets", mirror_min_packets, 10, 2, 100000, \
		"mirror.ratio is judged only with at least this many packets") \
	X(COUNT, "one_sided.min_exchanges", one_sided_min, 2, 1, 1000, \
		"this many answers that must exist but were not seen make a one-sided capture") \
	X(SECONDS, "clock.back_s", clock_back, 1, 0.001, 3600, \
		"the capture's clock is reported when it steps back by more than this") \
	X(SECONDS, "clock.forward_s", clock_forward, 60, 1, 86400, \
		"the capture's clock is reported when it steps forward by more than this " \
		"while sequence numbers hardly move") \
	X(SECONDS, "capture.window_s", capture_window, 1800, 1, 86400, \
		"a fact about the capture is reported once in this time, and clears after " \
		"twice as long") \
	X(COUNT, "syslog.facility", syslog_facility, 3, 0, 23, \
		"facility of syslog messages (3 is daemon, 16 to 23 are local0 to local7)") \
	X(SECONDS, "metrics.every_s", metrics_every, 5, 1, 300, \
		"metrics are updated this often") \
	X(COUNT, "metrics.tunnels", metrics_tunnels, 1000, 0, 20000, \
		"how many tunnels get metrics of their own, in addition to the expected ones") \
	X(SECONDS, "on_alert.timeout_s", on_alert_timeout, 30, 1, 3600, \
		"the command for an alert is stopped after this time") \
	X(COUNT, "on_alert.per_minute", on_alert_per_minute, 30, 1, 6000, \
		"the command is run at most this often in a minute; more alerts wait") \
	X(SECONDS, "judge_s", judge_every, 10, 0.01, 600, \
		"conditions of tunnels are judged this often") \
	X(SECONDS, "realert_s", realert, 900, 1, 86400, \
		"the same alert of the same tunnel is not raised again within this time")

#define SETTING_FIELD_COUNT int64_t
#define SETTING_FIELD_SECONDS nsec
#define SETTING_FIELD_MILLISECONDS nsec
#define SETTING_FIELD_RATIO double
#define SAWATCH_SETTING_FIELD(kind, key, field, initial, low, high, text) \
	SETTING_FIELD_##kind field;
struct settings { SETTINGS(SAWATCH_SETTING_FIELD) };

/*
 * X(field, default when files are read): a file ends, and somebody waits for all that is in it; who
 * watches an interface must hold out against floods for months.
 */
#define SETTINGS_OF_FILES(X) \
	X(tables_tunnels, 524288) \
	X(tables_child_sas, 1048576) \
	X(history_births, 1048576)

/* All defaults, of who watches an interface. */
void settings_defaults(struct settings *ret);

/* All defaults, of who reads files. */
void settings_defaults_of_files(struct settings *ret);

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
