/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/track.h>

const struct tunnel_more tunnel_nothing_more = {
	.ike = { { .last = NSEC_NONE, .unseen_since = NSEC_NONE,
		   .unseen_last = NSEC_NONE },
		 { .last = NSEC_NONE, .unseen_since = NSEC_NONE,
		   .unseen_last = NSEC_NONE } },
};

struct tunnel tunnel_unseen(struct endpoint a, struct endpoint b)
{
	const struct tunnel_side silent = { .esp_last = NSEC_NONE };

	return (struct tunnel){
		.peer = { a, b },
		.first = NSEC_NONE,
		.last = NSEC_NONE,
		.side = { silent, silent },
		.more = &tunnel_nothing_more,
		.behind_nat = { RECORD_UNKNOWN, RECORD_UNKNOWN },
		.paths = NO_INDEX,
		.ike_sas = NO_INDEX,
		.child_sas = NO_INDEX,
		.esp_sas = { NO_INDEX, NO_INDEX },
		.oldest_ike_sa = NO_INDEX,
		.oldest_child_sa = NO_INDEX,
		.oldest_esp_sa = { NO_INDEX, NO_INDEX },
		.loss_last = NSEC_NONE,
		.due = NSEC_NONE,
		.purse_hints = NSEC_NONE,
		.purse_confirmed = NSEC_NONE,
		.state = TUNNEL_UNKNOWN,
		.state_since = NSEC_NONE,
	};
}
