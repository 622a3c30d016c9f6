/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The conditions, in the catalogue's order (DESIGN 6).  A new one is a line here. */
#include <sawatch/detect.h>
#include <sawatch/embedded.h>

#include <string.h>

#include "detect/detector.h"

#define DETECTORS(X)  \
	X(spi_churn) \
	X(ike_auth_retransmit) \
	X(lifetime_mismatch) \
	X(ike_flap) \
	X(ike_sa_limit_loop) \
	X(duplicate_ike_sa) \
	X(periodic_drop) \
	X(ike_init_unanswered) \
	X(auth_failed) \
	X(no_proposal_chosen) \
	X(invalid_ke) \
	X(ts_mismatch) \
	X(pfs_mismatch) \
	X(lifetime_asymmetry) \
	X(rekey_collision) \
	X(simultaneous_delete) \
	X(rekey_failing) \
	X(rekey_late) \
	X(expiry_gap) \
	X(volume_expiry) \
	X(idle_expiry) \
	X(stale_spi) \
	X(one_way_esp) \
	X(encap_mismatch) \
	X(dpd_timeout) \
	X(peer_restart) \
	X(esp_loss) \
	X(esp_reorder) \
	X(esp_replay) \
	X(seq_reset) \
	X(seq_exhaustion) \
	X(fragment_loss) \
	X(nat_keepalive_missing) \
	X(nat_rebind) \
	X(weak_crypto) \
	X(downgrade) \
	X(aggressive_psk) \
	X(ike_flood) \
	X(ike_scan) \
	X(spoof_hint) \
	X(tunnel_down) \
	X(capture_loss) \
	X(mirror_duplicates) \
	X(one_sided_capture) \
	X(clock_jump)

#define DETECTOR_DECLARE(code) extern const struct detector detect_##code;
DETECTORS(DETECTOR_DECLARE)

#define DETECTOR_ROW(code) &detect_##code,
const struct detector *const detectors[] = { DETECTORS(DETECTOR_ROW) };

size_t detectors_count(void)
{
	return sizeof(detectors) / sizeof(detectors[0]);
}

const char *detect_code(size_t n)
{
	return n < detectors_count() ? detectors[n]->code : NULL;
}

const char *detect_page(const char *code)
{
	size_t length = strlen(code);

	for (const struct embedded *page = embedded_pages; page->name; page++)
		if (strncmp(page->name, code, length) == 0 &&
		    strcmp(page->name + length, ".md") == 0)
			return page->text;
	return NULL;
}
