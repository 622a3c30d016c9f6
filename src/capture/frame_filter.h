/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The user's BPF expression, compiled for one link type. */
#ifndef SAWATCH_CAPTURE_FRAME_FILTER_H
#define SAWATCH_CAPTURE_FRAME_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include <sawatch/err.h>
#include <sawatch/link.h>

struct frame_filter;

/*
 * Put the filter for a link type in front of `*list`.  `swapped`: the capture
 * was written in the other byte order, which the loopback link types follow.
 */
bool frame_filter_add(struct frame_filter **list, const char *text, uint16_t link_type,
		      bool swapped, struct err *e);
const struct frame_filter *frame_filter_find(const struct frame_filter *list, uint16_t link_type,
					     bool swapped);
bool frame_filter_passes(const struct frame_filter *f, const uint8_t *data, uint32_t captured,
			 uint32_t length);
void frame_filter_free(struct frame_filter *list);	/* the whole list; accepts NULL */

#endif
