/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * gzip (RFC 1952), through zlib.  libarchive reads it too, but it checks no checksum, and of a file
 * that is cut or damaged it loses up to 64 KiB before that place: of a small capture all.
 */
#ifndef SAWATCH_CAPTURE_GUNZIP_H
#define SAWATCH_CAPTURE_GUNZIP_H

#include "capture/unpacking.h"

struct gunzip;

/* `start` are packed bytes that were already taken from the source. */
struct gunzip *gunzip_open(const uint8_t *start, size_t length, unpacking_source *source,
			   void *from, struct err *e);

/* Up to `size` unpacked bytes, `size` > 0; 0 at the end; -1 where the data is damaged or cut. */
ssize_t gunzip_read(struct gunzip *g, uint8_t *ret, size_t size, struct err *e);

void gunzip_close(struct gunzip *g);	/* accepts NULL */

#endif
