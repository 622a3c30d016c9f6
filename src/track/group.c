/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SAs of a group (RFC 4301 4.1).  Its members use one SPI for packets to the
 * group's multicast address and to each other (OSPFv3, RFC 4552), and a sender
 * counts them all in one sequence: what one destination does not get went to
 * another.
 */
#include "track/tracker.h"

static void counts_for_group(struct tracker *t, struct esp_sa *sa)
{
	if (sa->rare->of_group)
		return;
	esp_rare(t, sa)->of_group = true;
	esp_more(t, sa)->minute_lost = 0;
	sa->flags |= ESP_SA_DIRTY;
}

/* Two SAs of one SPI that meet at an address, one of them to a multicast address. */
static bool in_one_group(const struct tracker *t, const struct esp_sa *a, const struct esp_sa *b)
{
	const struct esp_ends x = esp_ends(t, a), y = esp_ends(t, b);

	return a->spi == b->spi && a->protocol == b->protocol &&
	       (b->rare->of_group || addr_is_multicast(y.dst)) &&
	       (addr_equal(x.src, y.src) || addr_equal(x.src, y.dst) ||
		addr_equal(x.dst, y.src) || addr_equal(x.dst, y.dst));
}

bool group_includes(struct tracker *t, struct esp_sa *sa)
{
	uint32_t latest = *esp_hint(t, sa->spi);

	if (sa->rare->of_group)
		return true;
	if (!addr_is_multicast(esp_ends(t, sa).dst) &&
	    (latest == 0 || !(t->esp_sas[latest - 1].flags & ESP_SA_USED) ||
	     !in_one_group(t, sa, &t->esp_sas[latest - 1])))
		return false;
	counts_for_group(t, sa);
	return true;
}
