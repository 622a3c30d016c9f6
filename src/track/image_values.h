/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the tracker's structures are made of, and: is every value of one that
 * came out of an image one that the tracker could have put there?  What refers
 * to other structures is not asked here.  Where one is missing without which
 * nobody would ever look again, it is made up.
 */
#ifndef SAWATCH_TRACK_IMAGE_VALUES_H
#define SAWATCH_TRACK_IMAGE_VALUES_H

#include <sawatch/fields.h>

#include "track/tracker.h"

/*
 * How long an IKE SA waits for what a Delete meant, with all the time that nobody watched; a moment
 * and this is one.
 */
#define DELETE_WAITS_MOST (INT64_C(1) << 60)

fields_walk image_tunnel_fields, image_path_fields, image_delete_fields, image_ike_sa_fields,
	image_child_sa_fields, image_child_more_fields, image_tunnel_more_fields,
	image_esp_sa_fields, image_esp_ends_fields, image_esp_more_fields, image_esp_rare_fields,
	image_offer1_fields, image_transform_fields, image_vendor_fields;

/* a tunnel, a child SA and an ESP SA with what lies beside them */
bool image_tunnel_is_sane(struct tunnel *w);
bool image_path_is_sane(struct path *p);
bool image_delete_is_sane(struct pending_delete *d);
bool image_ike_sa_is_sane(struct ike_sa *sa);
bool image_child_sa_is_sane(struct child_sa *c);
bool image_esp_sa_is_sane(struct esp_sa *sa, struct esp_sa_more *more, int direction);

#endif
