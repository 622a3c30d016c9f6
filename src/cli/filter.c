/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/filter.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const char filter_builtin[] =
	"udp port 500 or udp port 4500 or tcp port 4500"
	" or ip proto 50 or ip proto 51 or ip6 proto 50 or ip6 proto 51"
	" or ip[6:2]&0x3fff!=0 or ip6 proto 44"					/* fragments */
	/* errors that quote IPsec */
	" or (icmp and (icmp[0]=3 or icmp[0]=11 or icmp[0]=12)) or ip6 proto 58"
	/* envelopes of mirrors */
	" or ip proto 47 or ip proto 4 or ip proto 41 or ip6 proto 47 or ip6 proto 4"
	" or udp dst port 4789 or udp dst port 6081 or udp dst port 8472"
	" or ether proto 0x8100 or ether proto 0x88a8 or ether proto 0x9100"
	" or ether proto 0x8847 or ether proto 0x8848 or ether proto 0x8864";

char *filter_and(const char *a, const char *b)
{
	bool has_a = a && *a, has_b = b && *b;
	char *both;

	if (!has_a && !has_b)
		return NULL;
	if (!has_a || !has_b)
		return strdup(has_a ? a : b);
	return asprintf(&both, "(%s) and (%s)", a, b) < 0 ? NULL : both;
}
