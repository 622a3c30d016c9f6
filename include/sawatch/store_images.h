/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a monitor keeps in its history for its own restart: images of its
 * tunnels, with their SAs, alerts and the states of detectors.  A `source`
 * names who wrote them: the interfaces watched, or a series of files.
 */
#ifndef SAWATCH_STORE_IMAGES_H
#define SAWATCH_STORE_IMAGES_H

#include <stdbool.h>
#include <stddef.h>

#include <sawatch/err.h>
#include <sawatch/reader.h>
#include <sawatch/record.h>
#include <sawatch/store.h>

struct store_image {
	object_id tunnel;	/* 0: the capture as a whole */
	struct endpoint peers[2];
	uint32_t network;
	nsec saved;		/* packet time: nothing later is in it */
	const char *track_stamp, *detect_stamp;
	/* as the tracker and the detectors gave them; may be empty */
	struct bytes track, detect;
};

/*
 * From now on this process alone goes on with what the source left living, until the store is
 * closed. False, with the process that does so already.
 */
bool store_claim(struct store *s, const char *source, struct err *e);

/* This capture continues the source's. */
bool store_source(struct store *s, uint32_t capture, const char *source, struct err *e);

/* Puts it in the place of the tunnel's older one; an image without bytes only removes that. */
bool store_image_put(struct store *s, const char *source, const struct store_image *image,
		     struct err *e);

/* Every undamaged one, the latest first. */
bool store_images_walk(struct store *s, const char *source,
		       void (*give)(void *user, const struct store_image *image), void *user,
		       struct err *e);

/* The latest moment this source has seen; NSEC_NONE: none. */
bool store_source_last(struct store *s, const char *source, nsec *ret, struct err *e);

/* What this source left living: IKE, child and ESP SAs that did not end, alerts that are raised. */
bool store_living_walk(struct store *s, const char *source, const struct record_sink *sink,
		       struct err *e);

/* Traffic of this ESP SA in the minutes from `bucket` on, added up. */
bool store_traffic_since(struct store *s, object_id esp_sa, nsec bucket, struct record_traffic *ret,
			 struct err *e);

/*
 * It is not known how these ended: SAs end as unknown when they were last heard
 * of, alerts are cleared as of `at`.
 */
enum store_kind { STORE_IKE_SA, STORE_CHILD_SA, STORE_ESP_SA, STORE_ALERT };
bool store_give_up(struct store *s, enum store_kind kind, const object_id *ids, size_t n, nsec at,
		   struct err *e);

#endif
