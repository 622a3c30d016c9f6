/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The texts of the enums of record.h, and the names of the objects. */
#include <sawatch/record.h>

#include <assert.h>
#include <string.h>

#include <sawatch/text.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Position of `text` in `texts`; NULL finds the value that has no text. */
static int position(const char *const *texts, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (text && texts[i] ? strcmp(texts[i], text) == 0 : text == texts[i])
			return (int)i;
	return -1;
}

#define TEXT_OF(n, t) t,

/* `name`_text() and `name`_parse() of the enum made from `LIST`. */
#define ENUM_TEXTS(name, LIST)                                                 \
	static const char *const name##_texts[] = { LIST(TEXT_OF) };           \
	const char *name##_text(enum name v)                                   \
	{                                                                      \
		assert((size_t)v < COUNT(name##_texts));                       \
		return name##_texts[v];                                        \
	}                                                                      \
	int name##_parse(const char *text)                                     \
	{                                                                      \
		return position(name##_texts, COUNT(name##_texts), text);      \
	}

ENUM_TEXTS(grade, GRADES)
ENUM_TEXTS(confidence, CONFIDENCES)
ENUM_TEXTS(severity, SEVERITIES)
ENUM_TEXTS(tunnel_state, TUNNEL_STATES)
ENUM_TEXTS(ike_state, IKE_STATES)
ENUM_TEXTS(child_state, CHILD_STATES)
ENUM_TEXTS(origin, ORIGINS)
ENUM_TEXTS(end_reason, END_REASONS)
ENUM_TEXTS(encap, ENCAPS)
ENUM_TEXTS(esp_protocol, PROTOCOLS)
ENUM_TEXTS(created_how, CREATED_HOWS)
ENUM_TEXTS(exchange_outcome, OUTCOMES)
ENUM_TEXTS(exchange_purpose, PURPOSES)

const char *tunnel_text(const struct endpoint peers[2], char ret[TUNNEL_TEXT_MAX])
{
	struct text t = text_in(ret, TUNNEL_TEXT_MAX);
	bool ordered = endpoint_compare(peers[0], peers[1]) <= 0;
	char lower[ENDPOINT_TEXT_MAX], higher[ENDPOINT_TEXT_MAX];

	text_add(&t, "%s<->%s", endpoint_text(peers[ordered ? 0 : 1], lower),
		 endpoint_text(peers[ordered ? 1 : 0], higher));
	return ret;
}

/* Every row of the history has some: printf would take longer than SQLite does. */
static void put_hex(char *ret, uint64_t number, int digits)
{
	for (int i = digits; i-- > 0; number >>= 4)
		ret[i] = "0123456789abcdef"[number & 15];
}

const char *ike_spis_text(uint64_t spi_i, uint64_t spi_r, char ret[IKE_SPIS_TEXT_MAX])
{
	put_hex(ret, spi_i, 16);
	ret[16] = ':';
	put_hex(ret + 17, spi_r, 16);
	ret[33] = '\0';
	return ret;
}

const char *spi_text(uint32_t spi, char ret[SPI_TEXT_MAX])
{
	put_hex(ret, spi, 8);
	ret[8] = '\0';
	return ret;
}
