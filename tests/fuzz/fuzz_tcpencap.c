/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One direction of a TCP stream: one byte that says whether from its start, then its bytes. */
#include <sawatch/tcpencap.h>

#include "property.h"

/* Cut right behind the message it is the same message, one byte less and it is none yet. */
static void check_cut(struct bytes stream, bool at_start, enum tcpencap_content kind, size_t used)
{
	struct bytes message;
	size_t again;
	uint8_t *copy = exact_copy(stream.data, used);

	MUST(tcpencap_next((struct bytes){ copy, used }, at_start, &message, &again) == kind);
	MUST(again == used);
	MUST(tcpencap_next((struct bytes){ copy, used - 1 }, at_start, &message, &again) ==
	     TCPENCAP_MORE);
	free(copy);
}

/* True when there is more to read. */
static bool step(struct bytes *stream, bool at_start)
{
	struct bytes message;
	size_t used;
	enum tcpencap_content kind = tcpencap_next(*stream, at_start, &message, &used);

	must_lie_within(message, stream->data, used);
	switch (kind) {
	case TCPENCAP_MORE:
		MUST(used == 0);
		return false;
	case TCPENCAP_LOST:
		MUST(used == 0 && stream->length > 0);
		used = 1 + tcpencap_resync((struct bytes){ stream->data + 1, stream->length - 1 });
		MUST(used <= stream->length);
		break;
	case TCPENCAP_PREFIX:
		MUST(at_start && used == 6);
		check_cut(*stream, at_start, kind, used);
		break;
	case TCPENCAP_IKE:
	case TCPENCAP_ESP:
	case TCPENCAP_KEEPALIVE:
		MUST(used == message.length + (kind == TCPENCAP_IKE ? 6u : 2u));
		check_cut(*stream, at_start, kind, used);
		break;
	}
	stream->data += used;
	stream->length -= used;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;

	uint8_t *copy = exact_copy(data + 1, size - 1);
	struct bytes stream = { copy, size - 1 };
	bool at_start = data[0] & 1;

	while (step(&stream, at_start))
		at_start = false;
	free(copy);
	return 0;
}
