/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Half a SHA-256 over the first bytes of a capture: tells whether it was read before. */
#ifndef SAWATCH_CAPTURE_FINGERPRINT_H
#define SAWATCH_CAPTURE_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fingerprint;

/* Over the first `span` bytes that will be added; NULL without memory. */
struct fingerprint *fingerprint_open(size_t span);
void fingerprint_add(struct fingerprint *f, const uint8_t *bytes, size_t length);
/* Over what was added so far; "" if libcrypto refuses. */
void fingerprint_text(const struct fingerprint *f, char ret[33]);
void fingerprint_close(struct fingerprint *f);	/* accepts NULL */

#endif
