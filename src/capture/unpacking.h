/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Decompression in this process, through libarchive and zlib: no shell and no child,
 * so that it works behind seccomp.
 */
#ifndef SAWATCH_CAPTURE_UNPACKING_H
#define SAWATCH_CAPTURE_UNPACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <sawatch/err.h>

struct unpacking;

/* Where packed bytes come from: as read(2), errno included. */
typedef ssize_t unpacking_source(void *from, void *ret, size_t size);

/* "gzip", "zstd", "xz", "bzip2", "lz4" by the first bytes, or NULL. */
const char *unpacking_format(const uint8_t *start, size_t length);

/*
 * `format` is of unpacking_format(); `start` are packed bytes that were already taken from the
 * source.
 */
struct unpacking *unpacking_open(const char *format, const uint8_t *start, size_t length,
				 unpacking_source *source, void *from, struct err *e);

/* Up to `size` unpacked bytes; 0 at the end; -1 when the packed data is damaged or cut. */
ssize_t unpacking_read(struct unpacking *u, uint8_t *ret, size_t size, struct err *e);

void unpacking_close(struct unpacking *u);	/* accepts NULL */

#endif
