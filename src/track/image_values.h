/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is every value of a structure that came out of an image one that the tracker
 * could have put there?  What refers to other structures is not asked here.
 * Where one is missing without which nobody would ever look again, it is made up.
 */
#ifndef SAWATCH_TRACK_IMAGE_VALUES_H
#define SAWATCH_TRACK_IMAGE_VALUES_H

#include "track/tracker.h"

bool image_tunnel_is_sane(struct tunnel *w);
bool image_path_is_sane(const struct path *p);
bool image_delete_is_sane(const struct pending_delete *d);
bool image_ike_sa_is_sane(struct ike_sa *sa);
bool image_child_sa_is_sane(struct child_sa *c);
bool image_esp_sa_is_sane(struct esp_sa *sa, int direction);

#endif
