/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IKEv1 and IKEv2 messages: one byte that says how much of the message was
 * captured, one for bytes behind it, the message.
 */
#include <sawatch/ike.h>

#include "property.h"

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static void check_hashes(const struct ike_message *m, const struct bytes *hashes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ike_nat_hash_matches(hashes[i], m->header.spi_i, m->header.spi_r,
				     addr_v4(0xc0000201), 500);
		ike_nat_hash_matches(hashes[i], m->header.spi_i, m->header.spi_r,
				     (struct addr){ 1, 2 }, 4500);
	}
}

static void check_borrowed(const struct ike_message *m, const uint8_t *data, size_t captured)
{
	for (unsigned i = 0; i < least(m->n_notifies, IKE_NOTIFIES_MAX); i++) {
		must_lie_within(m->notifies[i].data, data, captured);
		MUST(ike_find_notify(m, m->notifies[i].type) != NULL);
	}
	for (unsigned i = 0; i < least(m->n_nat_source, IKE_NAT_SOURCES_MAX); i++)
		must_lie_within(m->nat_source[i], data, captured);
	for (unsigned i = 0; i < least(m->n_nat_destination, IKE_NAT_DESTINATIONS_MAX); i++)
		must_lie_within(m->nat_destination[i], data, captured);
	must_lie_within(m->whole, data, captured);
	for (unsigned i = 0; i < least(m->n_vendor_ids, IKE_VENDOR_IDS_MAX); i++)
		MUST(m->vendor_ids[i].length <= IKE_VENDOR_ID_BYTES);
	check_hashes(m, m->nat_source, least(m->n_nat_source, IKE_NAT_SOURCES_MAX));
	check_hashes(m, m->nat_destination, least(m->n_nat_destination, IKE_NAT_DESTINATIONS_MAX));
}

static enum verdict parse(const uint8_t *data, size_t captured, size_t length)
{
	uint8_t *copy = exact_copy(data, captured);
	struct ike_message m;
	enum verdict v = ike_parse(reader_over(copy, captured, length), &m);

	MUST(v == m.verdict);
	MUST(v != VERDICT_CUT || captured < length);
	check_borrowed(&m, copy, captured);
	free(copy);
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;

	size_t share = data[0], behind = data[1], length = size - 2;
	size_t part = length * share / 256;	/* always less, but for no byte at all */

	data += 2;
	parse(data, length, length + behind);
	if (parse(data, length, length) == VERDICT_OK)
		MUST(parse(data, part, length) != VERDICT_MALFORMED);
	/* what follows the message in its datagram is not looked at */
	if (length >= IKE_HEADER_LEN) {
		size_t says = (size_t)data[24] << 24 | (size_t)data[25] << 16 |
			      (size_t)data[26] << 8 | data[27];

		if (part < says)
			MUST(parse(data, part, part) != VERDICT_OK);
	}
	return 0;
}
