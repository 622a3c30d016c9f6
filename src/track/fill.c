/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/tracker.h"

static struct tracker_fill of(const struct pool *p)
{
	return (struct tracker_fill){ .used = p->used, .most = p->capacity };
}

void tracker_fill(const struct tracker *t, struct tracker_fill ret[TRACKER_TABLES])
{
	ret[TRACKER_TUNNELS] = of(&t->tunnel_pool);
	ret[TRACKER_IKE_SAS] = of(&t->ike_pool);
	ret[TRACKER_CHILD_SAS] = of(&t->child_pool);
	ret[TRACKER_ESP_SAS] = of(&t->esp_pool);
}
