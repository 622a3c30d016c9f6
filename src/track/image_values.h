/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fields of the tracker's structures, to write and read them in an image; and checks that every
 * value of a structure read from an image is one that the tracker could have written.  Indices of
 * other structures are not checked here.  A missing timer is set, so that the object is seen to.
 */
#ifndef SAWATCH_TRACK_IMAGE_VALUES_H
#define SAWATCH_TRACK_IMAGE_VALUES_H

#include <sawatch/fields.h>

#include "track/tracker.h"

/*
 * The longest wait of an IKE SA for what a Delete meant, times without observation included: any
 * moment plus this does not overflow.
 */
#define DELETE_WAITS_MOST (INT64_C(1) << 60)

fields_walk image_tunnel_fields, image_path_fields, image_delete_fields, image_ike_sa_fields,
	image_answerer_fields,
	image_child_sa_fields, image_child_more_fields, image_tunnel_more_fields,
	image_esp_sa_fields, image_esp_ends_fields, image_esp_more_fields, image_esp_rare_fields,
	image_offer1_fields, image_transform_fields, image_vendor_fields;

/* True when every value is possible; a tunnel, a child SA and an ESP SA with their `more`. */
bool image_tunnel_is_sane(struct tunnel *w);
bool image_path_is_sane(struct path *p);
bool image_delete_is_sane(struct pending_delete *d);
bool image_ike_sa_is_sane(struct ike_sa *sa);
bool image_answerer_is_sane(struct exchange asked[2]);
bool image_child_sa_is_sane(struct child_sa *c);
bool image_esp_sa_is_sane(struct esp_sa *sa, struct esp_sa_more *more, int direction);

#endif
