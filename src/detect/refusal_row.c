/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/refusal_row.h"

#include <sawatch/ike_registry.h>

nsec refusal_row_add(struct refusal_rows *r, const struct exchange *x, nsec asked, nsec since,
		     const struct settings *set)
{
	int kind = x->major == 2 && x->request_np1 == IKE2_PAYLOAD_NOTIFY;

	if (r->row[kind].latest == 0 || asked - r->row[kind].latest > set->ts_window ||
	    r->row[kind].latest < since)
		r->row[kind].began = asked;
	r->row[kind].latest = asked;
	return r->row[kind].began;
}

void refusal_row_fields(struct fields *f, struct refusal_rows *r)
{
	for (int kind = 0; kind < 2; kind++) {
		FIELD(f, r->row[kind].began);
		FIELD(f, r->row[kind].latest);
	}
}
