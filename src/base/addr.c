/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/addr.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/text.h>

void addr_bytes(struct addr a, uint8_t ret[16])
{
	for (int i = 0; i < 8; i++) {
		ret[i] = (uint8_t)(a.high >> (56 - 8 * i));
		ret[8 + i] = (uint8_t)(a.low >> (56 - 8 * i));
	}
}

struct addr addr_from_bytes(const uint8_t bytes[16])
{
	struct addr a = { 0, 0 };

	for (int i = 0; i < 8; i++) {
		a.high = a.high << 8 | bytes[i];
		a.low = a.low << 8 | bytes[8 + i];
	}
	return a;
}

/* What inet_ntop() does, without its printf. */
static void dotted(const uint8_t bytes[4], char *ret)
{
	for (int i = 0; i < 4; i++) {
		uint8_t b = bytes[i];

		if (b >= 100)
			*ret++ = (char)('0' + b / 100);
		if (b >= 10)
			*ret++ = (char)('0' + b / 10 % 10);
		*ret++ = (char)('0' + b % 10);
		*ret++ = i < 3 ? '.' : '\0';
	}
}

const char *addr_text(struct addr a, char ret[ADDR_TEXT_MAX])
{
	uint8_t bytes[16];

	addr_bytes(a, bytes);
	if (addr_is_v4(a))
		dotted(bytes + 12, ret);
	else
		inet_ntop(AF_INET6, bytes, ret, ADDR_TEXT_MAX);
	return ret;
}

const char *endpoint_text(struct endpoint p, char ret[ENDPOINT_TEXT_MAX])
{
	char address[ADDR_TEXT_MAX];
	struct text t = text_in(ret, ENDPOINT_TEXT_MAX);

	addr_text(p.addr, address);
	if (p.port == 0)
		text_add(&t, "%s", address);
	else if (addr_is_v4(p.addr))
		text_add(&t, "%s:%u", address, (unsigned)p.port);
	else
		text_add(&t, "[%s]:%u", address, (unsigned)p.port);
	return ret;
}

bool addr_parse(const char *text, struct addr *ret)
{
	uint8_t bytes[16] = { [10] = 0xff, [11] = 0xff };	/* IPv4-mapped, if it is IPv4 */

	if (inet_pton(AF_INET, text, bytes + 12) != 1 && inet_pton(AF_INET6, text, bytes) != 1)
		return false;
	*ret = addr_from_bytes(bytes);
	return true;
}

/* One to five digits, and nothing behind them. */
static bool port_parse(const char *text, uint16_t *ret)
{
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 5 || text[digits] != '\0')
		return false;

	unsigned long port = strtoul(text, NULL, 10);

	*ret = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX;
}

bool endpoint_parse(const char *text, struct endpoint *ret)
{
	char address[ADDR_TEXT_MAX];
	bool bracketed = *text == '[';
	const char *begin = text + bracketed;
	const char *end = bracketed ? strchr(begin, ']') : strchr(begin, ':');
	const char *after = end ? end + bracketed : NULL;

	ret->port = 0;
	if (addr_parse(text, &ret->addr))	/* with all its colons */
		return true;
	if (!end || (size_t)(end - begin) >= sizeof(address))
		return false;
	memcpy(address, begin, (size_t)(end - begin));
	address[end - begin] = '\0';
	if (!addr_parse(address, &ret->addr) || addr_is_v4(ret->addr) == bracketed)
		return false;
	return (bracketed && *after == '\0') ||
	       (*after == ':' && port_parse(after + 1, &ret->port));
}
