/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKE and ESP in TCP: the framing of RFC 9329 (obsoletes 8229).  Works on a
 * buffer that the caller fills from one direction of one stream.
 */
#ifndef SAWATCH_TCPENCAP_H
#define SAWATCH_TCPENCAP_H

#include <stdbool.h>
#include <stddef.h>

#include <sawatch/reader.h>

enum tcpencap_content {
	TCPENCAP_MORE,		/* the buffer holds no complete message yet */
	TCPENCAP_PREFIX,	/* the stream prefix "IKETCP" */
	TCPENCAP_IKE,		/* a message after its four-byte non-ESP marker */
	TCPENCAP_ESP,
	TCPENCAP_KEEPALIVE,	/* a one-byte 0xff message */
	TCPENCAP_LOST,		/* no framing here: resynchronise */
};

/*
 * The next message at the start of `stream`.  *ret_used is how many bytes to
 * drop from the buffer's front (0 for MORE and LOST); *ret_message borrows.
 * `at_start` says that no byte of the stream was consumed before.
 */
enum tcpencap_content tcpencap_next(struct bytes stream, bool at_start, struct bytes *ret_message,
				    size_t *ret_used);

/*
 * Where framing may begin again, for a stream seen from its middle or with a
 * hole: the first offset at which a length is followed by a marker and an IKE
 * header of agreeing length, or by two ESP frames of the same SPI with consecutive
 * sequence numbers.  Returns stream.length when there is none.
 */
size_t tcpencap_resync(struct bytes stream);

#endif
