/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/store_news.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/cli.h"

enum { COMPLAINT_S = 60 };

uint64_t store_news_lost(const struct store_writer_counters *c)
{
	return c->refused + c->dropped_traffic + c->dropped_facts + c->dropped_alerts;
}

void store_news_note(struct store_news *n, const char *database, bool ok, const struct err *e,
		     const struct store_writer_counters *c, nsec now)
{
	uint64_t lost = store_news_lost(c);
	bool first = !ok && !n->failing;

	if (first || (now >= n->next_complaint && (!ok || lost > n->told_lost))) {
		if (ok)
			complain("%s: is written too slowly: %" PRIu64
				 " records are lost so far; raise store.backlog_mb",
				 database, lost);
		else if (lost > 0)
			complain("%s; watching goes on: %" PRIu64 " records wait, %" PRIu64
				 " are lost",
				 e->text, c->waiting, lost);
		else
			complain("%s; watching goes on: %" PRIu64 " records wait", e->text,
				 c->waiting);
		n->next_complaint = now + COMPLAINT_S * NSEC_PER_S;
		n->told_lost = lost;
	}
	if (ok && n->failing && c->retries > n->retries)	/* else it only refused a record */
		complain("%s: is being written again; %" PRIu64 " records are lost", database,
			 lost);
	n->failing = !ok;
	if (ok)
		n->retries = c->retries;
}

const char *store_news_state(const struct store_writer_counters *c, char ret[STORE_NEWS_STATE_MAX])
{
	uint64_t lost = store_news_lost(c);
	/* some memory stays taken */
	uint64_t mib = c->waiting > 0 ? (c->bytes + (1 << 20) - 1) >> 20 : 0;
	int n;

	if (c->ceiling == 0) {
		ret[0] = '\0';
		return ret;
	}
	n = snprintf(ret, STORE_NEWS_STATE_MAX,
		     "; history: %" PRIu64 " records written, %" PRIu64 " wait (%" PRIu64
		     " of %" PRIu64 " MiB)",
		     c->rows, c->waiting, mib, c->ceiling >> 20);
	if (lost > 0 && n > 0 && n < STORE_NEWS_STATE_MAX)
		snprintf(ret + n, (size_t)(STORE_NEWS_STATE_MAX - n),
			 ", %" PRIu64 " lost (%" PRIu64 " of them alerts)", lost,
			 c->dropped_alerts);
	return ret;
}
