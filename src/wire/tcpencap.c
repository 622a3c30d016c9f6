/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/tcpencap.h>

#include <string.h>

#include <sawatch/esp.h>
#include <sawatch/ike.h>

#include "wire/ike_shape.h"

enum { PREFIX_LEN = 6, LENGTH_LEN = 2, MARKER_LEN = 4, ESP_HEADER_LEN = 8 };

static const char prefix[PREFIX_LEN] = { 'I', 'K', 'E', 'T', 'C', 'P' };	/* RFC 9329 4 */

/* What a message without its length is; LOST when it can be none.  RFC 9329 3. */
static enum tcpencap_content message_kind(struct bytes m)
{
	if (m.length == 1 && m.data[0] == 0xff)
		return TCPENCAP_KEEPALIVE;
	if (m.length < ESP_HEADER_LEN)
		return TCPENCAP_LOST;
	if (memcmp(m.data, (const uint8_t[MARKER_LEN]){ 0 }, MARKER_LEN) != 0)
		return TCPENCAP_ESP;
	return m.length >= MARKER_LEN + IKE_HEADER_LEN ? TCPENCAP_IKE : TCPENCAP_LOST;
}

enum tcpencap_content tcpencap_next(struct bytes stream, bool at_start, struct bytes *ret_message,
				    size_t *ret_used)
{
	struct reader r = reader_over(stream.data, stream.length, stream.length);

	*ret_message = (struct bytes){ NULL, 0 };
	*ret_used = 0;
	if (stream.length < LENGTH_LEN)
		return TCPENCAP_MORE;
	if (at_start) {		/* only the side that opened the stream sends it */
		size_t there = stream.length < PREFIX_LEN ? stream.length : PREFIX_LEN;

		if (memcmp(stream.data, prefix, there) == 0) {
			if (there < PREFIX_LEN)
				return TCPENCAP_MORE;
			*ret_used = PREFIX_LEN;
			return TCPENCAP_PREFIX;
		}
	}

	size_t length = reader_u16(&r);		/* includes itself */

	if (length <= LENGTH_LEN)
		return TCPENCAP_LOST;
	if (length > stream.length)
		return TCPENCAP_MORE;

	struct bytes message = reader_bytes(&r, length - LENGTH_LEN);
	enum tcpencap_content kind = message_kind(message);

	if (kind == TCPENCAP_LOST)
		return kind;
	if (kind == TCPENCAP_IKE) {
		message.data += MARKER_LEN;
		message.length -= MARKER_LEN;
	}
	*ret_message = message;
	*ret_used = length;
	return kind;
}

/* The start of an IKE message of agreeing length; its end need not be there yet. */
static bool ike_starts(struct reader r)
{
	size_t length = reader_u16(&r);

	if (length < LENGTH_LEN + MARKER_LEN + IKE_HEADER_LEN || reader_u32(&r) != 0)
		return false;
	if (!reader_ok(&r))
		return false;
	return ike_shaped(reader_over(r.at, r.left, length - LENGTH_LEN - MARKER_LEN));
}

/* One ESP frame, whole or only begun; `r` moves behind it. */
static bool esp_frame(struct reader *r, struct esp_header *ret)
{
	size_t length = reader_u16(r);

	if (length < LENGTH_LEN + ESP_HEADER_LEN)
		return false;
	if (esp_parse(r, ret) != VERDICT_OK)
		return false;
	reader_skip(r, length - LENGTH_LEN - ESP_HEADER_LEN);
	return true;
}

static bool esp_pair_starts(struct reader r)
{
	struct esp_header first, second;

	return esp_frame(&r, &first) && esp_frame(&r, &second) && first.spi == second.spi &&
	       second.seq == first.seq + 1;
}

size_t tcpencap_resync(struct bytes stream)
{
	struct reader r = reader_over(stream.data, stream.length, stream.length);

	for (size_t at = 0; at < stream.length; at++) {
		if (ike_starts(r) || esp_pair_starts(r))
			return at;
		reader_u8(&r);
	}
	return stream.length;
}
