/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole messages for the tests of ike.c. */
#ifndef TESTS_IKE_MESSAGES_H
#define TESTS_IKE_MESSAGES_H

#include <sawatch/ike_registry.h>

#include "ike_build.h"

static inline void put_sa2(struct build *b)
{
	begin_payload(b, IKE2_PAYLOAD_SA);

	size_t proposal = begin_substructure(b);

	put_number(b, 0x01010001, 4);	/* number 1, IKE, no SPI, one transform */

	size_t transform = begin_substructure(b);

	put_number(b, 0x0100000c, 4);	/* ENCR AES_CBC */
	put_tv(b, 14, 256);
	end_substructure(b, transform);
	end_substructure(b, proposal);
}

/* Every kind of payload that the digest of IKEv2 looks into, all in clear. */
static inline struct build full2(void)
{
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_INITIATOR, 0);

	put_sa2(&b);
	begin_payload(&b, IKE2_PAYLOAD_KE);
	put_number(&b, 31, 2);
	put_number(&b, 0, 2);
	put_fill(&b, 0xee, 32);
	put_payload(&b, IKE2_PAYLOAD_NONCE, 32);
	put_notify2(&b, 0, IKE2_NOTIFY_NAT_DETECTION_SOURCE_IP, "ssssssssssssssssssss", 20);
	put_notify2(&b, 0, IKE2_NOTIFY_NAT_DETECTION_SOURCE_IP, "tttttttttttttttttttt", 20);
	put_notify2(&b, 0, IKE2_NOTIFY_NAT_DETECTION_DESTINATION_IP, "dddddddddddddddddddd", 20);
	put_notify2(&b, 4, IKE2_NOTIFY_INVALID_SPI, NULL, 0);
	begin_payload(&b, IKE2_PAYLOAD_VENDOR_ID);
	put_text(&b, "FLEXVPN-SUPPORTED");
	begin_payload(&b, IKE2_PAYLOAD_DELETE);
	put_number(&b, 0x03040002, 4);
	put_number(&b, 0xabcdef01abcdef02, 8);
	ike_end(&b);
	return b;
}

static inline void put_notify1(struct build *b, uint16_t type, uint8_t spi_size)
{
	begin_payload(b, IKE1_PAYLOAD_NOTIFY);
	put_number(b, 1, 4);
	put_number(b, 1, 1);
	put_number(b, spi_size, 1);
	put_number(b, type, 2);
	for (uint8_t i = 1; i <= spi_size; i++)
		put_number(b, i, 1);
}

static inline struct build full1(void)
{
	struct build b = ike_begin(1, IKE1_EXCHANGE_AGGRESSIVE, 0, 0);

	begin_payload(&b, IKE1_PAYLOAD_SA);
	put_number(&b, 0x0000000100000001, 8);

	size_t proposal = begin_substructure(&b);

	put_number(&b, 0x01010001, 4);

	size_t transform = begin_substructure(&b);

	put_number(&b, 0x01010000, 4);
	put_tv(&b, 1, 7);
	put_tv(&b, 11, 1);
	put_tlv(&b, 12, 86400, 4);
	end_substructure(&b, transform);
	end_substructure(&b, proposal);
	put_payload(&b, IKE1_PAYLOAD_KE, 128);
	put_payload(&b, IKE1_PAYLOAD_NONCE, 20);
	put_payload(&b, IKE1_PAYLOAD_ID, 8);
	put_payload(&b, IKE1_PAYLOAD_HASH, 20);
	put_payload(&b, IKE1_PAYLOAD_NAT_D, 20);
	put_payload(&b, IKE1_PAYLOAD_NAT_D, 20);
	put_payload(&b, IKE1_PAYLOAD_NAT_D, 20);
	put_notify1(&b, IKE1_NOTIFY_INITIAL_CONTACT, 16);
	begin_payload(&b, IKE1_PAYLOAD_VENDOR_ID);
	put_number(&b, 0x09002689dfd6b712, 8);
	begin_payload(&b, IKE1_PAYLOAD_DELETE);
	put_number(&b, 0x0000000103040001, 8);
	put_number(&b, 0xdeadbeef, 4);
	ike_end(&b);
	return b;
}

static inline struct build protected2(uint8_t payload, uint8_t next, uint16_t number,
				      uint16_t total)
{
	struct build b = ike_begin(2, IKE2_EXCHANGE_INFORMATIONAL, IKE2_FLAG_RESPONSE, 7);

	begin_payload(&b, payload);
	b.bytes[b.payload_at] = next;
	if (payload == IKE2_PAYLOAD_SKF) {
		put_number(&b, number, 2);
		put_number(&b, total, 2);
	}
	put_fill(&b, 0x99, 48);
	ike_end(&b);
	return b;
}

#endif
