/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/precedence.h"

#include <string.h>

#include "detect/detector.h"
#include "detect/session_ends.h"

enum { CAUSES_MAX = 20 };

/* Symptom, then what may be behind it, the most telling first. */
static const struct {
	const char *symptom;
	const char *causes[CAUSES_MAX];	/* NULL ends */
} rows[] = {
	{ "spi_churn", { "peer_restart", "dpd_timeout", "pfs_mismatch", "ts_mismatch",
	  "volume_expiry",
			 "periodic_drop", "rekey_collision", "rekey_failing", "stale_spi",
			 "lifetime_mismatch",
			 "ike_sa_limit_loop", "ike_auth_retransmit", "ike_flap" } },
	{ "ike_flap", { "peer_restart", "ike_auth_retransmit", "ike_sa_limit_loop", "dpd_timeout",
	  "auth_failed",
			"pfs_mismatch", "ts_mismatch", "idle_expiry", "periodic_drop",
			"lifetime_mismatch",
			"duplicate_ike_sa", "fragment_loss", "encap_mismatch" } },
	{ "tunnel_down", { "peer_restart", "dpd_timeout", "ike_auth_retransmit", "auth_failed",
			   "no_proposal_chosen", "invalid_ke", "pfs_mismatch", "ts_mismatch",
			   "ike_init_unanswered",
			   "periodic_drop", "stale_spi", "one_way_esp", "idle_expiry", "expiry_gap",
			   "rekey_failing", "lifetime_mismatch", "encap_mismatch", "ike_flap" } },
	{ "ike_sa_limit_loop", { "ike_auth_retransmit" } },
	{ "fragment_loss", { "ike_auth_retransmit" } },
	{ "ike_init_unanswered", { "dpd_timeout" } },
	/*
	 * with one request at a time both together mean: a rekey failed, one side gave up, the
	 * other one probes
	 */
	{ "dpd_timeout", { "peer_restart", "ike_auth_retransmit", "ike_sa_limit_loop",
	  "rekey_failing",
			   "nat_rebind" } },
	{ "nat_rebind", { "nat_keepalive_missing" } },
	{ "rekey_failing", { "peer_restart", "pfs_mismatch", "ts_mismatch", "no_proposal_chosen",
			     "rekey_collision" } },
	{ "ts_mismatch", { "pfs_mismatch" } },
	{ "expiry_gap", { "peer_restart", "dpd_timeout", "pfs_mismatch", "volume_expiry",
	  "periodic_drop",
			  "rekey_collision", "simultaneous_delete", "rekey_failing",
			  "lifetime_mismatch", "ts_mismatch" } },
	{ "stale_spi", { "peer_restart", "rekey_collision", "simultaneous_delete",
	  "lifetime_mismatch",
			 "duplicate_ike_sa" } },
	{ "one_way_esp", { "peer_restart", "dpd_timeout", "ike_auth_retransmit", "encap_mismatch",
			   "rekey_collision", "simultaneous_delete", "stale_spi",
			   "lifetime_mismatch", "duplicate_ike_sa", "nat_rebind" } },
	{ "simultaneous_delete", { "rekey_collision" } },
	{ "periodic_drop", { "pfs_mismatch" } },
	{ "peer_restart", { "periodic_drop" } },
	{ "lifetime_asymmetry", { "lifetime_mismatch" } },
};

int precedence_of(const char *cause, const char *symptom)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (strcmp(rows[i].symptom, symptom) != 0)
			continue;
		for (int n = 0; rows[i].causes[n]; n++)
			if (strcmp(rows[i].causes[n], cause) == 0)
				return n;
	}
	return PRECEDENCE_NONE;
}

/* One of its lifetimes; a volume has no age, and may explain any. */
static bool at_a_lifetime(const struct finding *declared, double age)
{
	static const char *const seconds[] = { "lifetime_a_s", "lifetime_b_s", "offered_s",
					       "answered_s" };

	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		if (session_age_is_declared(age, (double)finding_get(declared, seconds[i])))
			return true;
	return false;
}

bool precedence_contradicted(const char *cause, const struct finding *by, const char *symptom,
			     const struct finding *f)
{
	static const char *const volumes[] = { "lifetime_a_kb", "lifetime_b_kb", "offered_kb",
					       "answered_kb" };

	if (strcmp(cause, "lifetime_mismatch") != 0 || strcmp(symptom, "expiry_gap") != 0 ||
	    strcmp(finding_cause(by), "declared") != 0)
		return false;
	for (size_t i = 0; i < sizeof(volumes) / sizeof(volumes[0]); i++)
		if (finding_item(by, volumes[i]))
			return false;
	return !at_a_lifetime(by, finding_get_real(f, "sa_age_s")) &&
	       !at_a_lifetime(by, finding_get_real(f, "ike_sa_age_s"));
}

bool precedence_by_harm_alone(const char *cause)
{
	return strcmp(cause, "simultaneous_delete") == 0;
}

bool precedence_is_series(const char *code)
{
	return strcmp(code, "periodic_drop") == 0;
}

bool precedence_of_series(const char *symptom)
{
	return precedence_of("periodic_drop", symptom) == 0;
}

bool precedence_of_set_up(const char *cause)
{
	static const char *const codes[] = { "ike_auth_retransmit", "ike_sa_limit_loop",
	"auth_failed", "no_proposal_chosen",
					     "invalid_ke", "ike_init_unanswered" };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (strcmp(codes[i], cause) == 0)
			return true;
	return false;
}

int precedence_row(size_t n, const char **ret_symptom, const char *const **ret_causes)
{
	if (n >= sizeof(rows) / sizeof(rows[0]))
		return 0;
	*ret_symptom = rows[n].symptom;
	*ret_causes = rows[n].causes;
	return 1;
}
