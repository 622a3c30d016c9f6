/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKE headers, payload chains, and the digest of what is visible without keys. */
#include <string.h>

#include <sawatch/ike.h>
#include <sawatch/ike_registry.h>

#include "wire/ike_sa_payload.h"

enum {
	CRITICAL = 0x80,		/* C RESERVED, RFC 7296 3.2 */
	FRAGMENT_LAST = 0x01,		/* flags of payload 132, MS-IKEE 2.2.3.1 */
	NAT_D_EARLY_DRAFT = 15,		/* draft-ietf-ipsec-nat-t-ike-00; SAK in GDOI */
	DOI_LEN = 4,
};

/* Header, RFC 7296 3.1, RFC 2408 3.1. */
enum verdict ike_header_parse(struct reader *r, struct ike_header *ret)
{
	size_t sent = reader_remaining(r);

	ret->spi_i = reader_u64(r);
	ret->spi_r = reader_u64(r);
	ret->next_payload = reader_u8(r);

	uint8_t version = reader_u8(r);		/* major, minor: four bits each */

	ret->major = version >> 4;
	ret->minor = version & 0x0f;
	ret->exchange = reader_u8(r);
	ret->flags = reader_u8(r);
	ret->message_id = reader_u32(r);

	bool all_but_length = reader_ok(r);

	ret->length = reader_u32(r);
	if (!reader_ok(r)) {
		/* Of 68 bytes of a frame its last two are missing; the datagram tells it, too. */
		if (all_but_length && r->verdict == VERDICT_CUT)
			ret->length = (uint32_t)sent;
		else
			*ret = (struct ike_header){ 0 };
		return r->verdict;
	}
	if (ret->length > sent) {	/* something else came to this port */
		*ret = (struct ike_header){ 0 };
		reader_reject(r, VERDICT_MALFORMED);
	} else if ((ret->major != 1 && ret->major != 2) || ret->length < IKE_HEADER_LEN) {
		reader_reject(r, VERDICT_MALFORMED);
	} else {
		*r = reader_sub(r, ret->length - IKE_HEADER_LEN);
	}
	return r->verdict;
}

static bool is_encrypted_v1(const struct ike_header *h)
{
	return h->major == 1 && h->flags & IKE1_FLAG_ENCRYPTED;
}

struct ike_walk ike_walk_over(const struct ike_header *h, struct reader body)
{
	struct ike_walk w = { .r = body, .next = h->next_payload, .major = h->major };

	/* Fragments of an encrypted message may carry its E flag; their own header is clear. */
	if (is_encrypted_v1(h) && h->next_payload != IKE1_PAYLOAD_FRAGMENT)
		w.next = IKE1_PAYLOAD_NONE;
	return w;
}

/* The rest of the message is inside this payload; its next payload field says something else. */
static bool is_last(unsigned major, uint8_t type)
{
	return type == IKE1_PAYLOAD_FRAGMENT ||
	       (major == 2 && (type == IKE2_PAYLOAD_SK || type == IKE2_PAYLOAD_SKF));
}

bool ike_next_payload(struct ike_walk *w, struct ike_payload *ret)
{
	if (w->next == 0 || is_last(w->major, w->last_type))
		return false;
	ret->type = w->last_type = w->next;
	ret->next = w->next = reader_u8(&w->r);
	ret->critical = reader_u8(&w->r) & CRITICAL;

	size_t length = reader_u16(&w->r);	/* includes its own header */

	if (length < IKE_PAYLOAD_HEADER_LEN)
		reader_reject(&w->r, VERDICT_MALFORMED);
	ret->body = reader_sub(&w->r, length - IKE_PAYLOAD_HEADER_LEN);
	return reader_ok(&w->r);
}

static void add_bytes(struct bytes *list, unsigned max, unsigned *count, struct bytes b)
{
	if (*count < max)
		list[*count] = b;
	++*count;
}

static void add_nat_source(struct ike_message *m, struct bytes hash)
{
	add_bytes(m->nat_source, IKE_NAT_SOURCES_MAX, &m->n_nat_source, hash);
}

static void add_nat_destination(struct ike_message *m, struct bytes hash)
{
	add_bytes(m->nat_destination, IKE_NAT_DESTINATIONS_MAX, &m->n_nat_destination, hash);
}

/* All that is left, or nothing and CUT. */
static struct bytes rest(struct reader *r)
{
	return reader_bytes(r, reader_remaining(r));
}

/* Notify, RFC 7296 3.10; with a DOI before it RFC 2408 3.14. */
static enum verdict notify_parse(struct reader r, struct ike_message *m)
{
	struct ike_notify n = { 0 };

	if (m->header.major == 1)
		reader_skip(&r, DOI_LEN);
	n.protocol = reader_u8(&r);
	n.spi_size = reader_u8(&r);
	n.type = reader_u16(&r);

	bool told = reader_ok(&r);	/* what is notified; perhaps not of what */
	struct bytes spi = reader_bytes(&r, n.spi_size);

	for (size_t i = 0; i < spi.length && i < sizeof(n.spi); i++)
		n.spi = n.spi << 8 | spi.data[i];
	n.data = rest(&r);
	if (!reader_ok(&r) && !(told && r.verdict == VERDICT_CUT))
		return r.verdict;
	if (m->n_notifies < IKE_NOTIFIES_MAX)
		m->notifies[m->n_notifies] = n;
	m->n_notifies++;
	if (!reader_ok(&r))
		return r.verdict;
	if (m->header.major == 2 && n.type == IKE2_NOTIFY_NAT_DETECTION_SOURCE_IP)
		add_nat_source(m, n.data);
	else if (m->header.major == 2 && n.type == IKE2_NOTIFY_NAT_DETECTION_DESTINATION_IP)
		add_nat_destination(m, n.data);
	return VERDICT_OK;
}

/* Delete, RFC 7296 3.11; with a DOI before it RFC 2408 3.15. */
static enum verdict delete_parse(struct reader r, struct ike_message *m)
{
	if (m->header.major == 1)
		reader_skip(&r, DOI_LEN);

	uint8_t protocol = reader_u8(&r);
	uint8_t spi_size = reader_u8(&r);
	uint16_t count = reader_u16(&r);
	struct reader peek = r;
	uint32_t first_spi = spi_size == 4 && count > 0 ? reader_u32(&peek) : 0;

	reader_bytes(&r, (size_t)count * spi_size);
	if (!reader_ok(&r))
		return r.verdict;
	if (m->n_deletes < IKE_DELETES_MAX) {
		m->deletes[m->n_deletes].protocol = protocol;
		m->deletes[m->n_deletes].spi_size = spi_size;
		m->deletes[m->n_deletes].count = count;
		m->deletes[m->n_deletes].first_spi = first_spi;
	}
	m->n_deletes++;
	return VERDICT_OK;
}

static enum verdict vendor_id_parse(struct reader r, struct ike_message *m)
{
	struct bytes id = rest(&r);

	if (!reader_ok(&r))
		return r.verdict;
	if (m->n_vendor_ids < IKE_VENDOR_IDS_MAX) {
		struct ike_vendor_id *v = &m->vendor_ids[m->n_vendor_ids];

		v->length = IKE_VENDOR_ID_BYTES;
		if (id.length < IKE_VENDOR_ID_BYTES)
			v->length = (uint8_t)id.length;
		if (v->length > 0)
			memcpy(v->bytes, id.data, v->length);
		v->name = ike_vendor_name(id.data, (unsigned)id.length);
	}
	m->n_vendor_ids++;
	return VERDICT_OK;
}

/* NAT-D, RFC 3947 3.2: first the destination's, then one of each of the sender's addresses. */
static enum verdict nat_d_parse(struct reader r, struct ike_message *m)
{
	struct bytes hash = rest(&r);

	if (!reader_ok(&r))
		return r.verdict;
	if (m->n_nat_destination == 0)
		add_nat_destination(m, hash);
	else
		add_nat_source(m, hash);
	return VERDICT_OK;
}

/* Encrypted Fragment, RFC 7383 2.5: number and total come before the IV. */
static enum verdict skf_parse(struct reader r, uint8_t next, struct ike_message *m)
{
	uint16_t number = reader_u16(&r);
	uint16_t total = reader_u16(&r);

	m->encrypted = true;
	if (reader_ok(&r) && (number == 0 || number > total))
		reader_reject(&r, VERDICT_MALFORMED);
	if (!reader_ok(&r))
		return r.verdict;
	m->is_fragment = true;
	m->fragment_number = number;
	m->fragment_total = total;
	m->fragment_last = number == total;
	if (number == 1)
		m->np1 = next;
	return VERDICT_OK;
}

/* Fragment 132 of IKEv1, and of IKEv2 before RFC 7383, MS-IKEE 2.2.3.1: numbers begin at 1. */
static enum verdict fragment_parse(struct reader r, struct ike_message *m)
{
	uint16_t id = reader_u16(&r);
	uint8_t number = reader_u8(&r);
	uint8_t flags = reader_u8(&r);

	if (reader_ok(&r) && number == 0)
		reader_reject(&r, VERDICT_MALFORMED);
	if (!reader_ok(&r))
		return r.verdict;
	m->is_fragment = true;
	m->fragment_id = id;
	m->fragment_number = number;
	m->fragment_last = flags & FRAGMENT_LAST;
	return VERDICT_OK;
}

/* Was the whole of a payload captured that is not looked into? */
static enum verdict opaque(const struct reader *r)
{
	return r->unseen > 0 ? VERDICT_CUT : VERDICT_OK;
}

static enum verdict ike2_payload_digest(const struct ike_payload *p, struct ike_message *m)
{
	struct reader r = p->body;

	switch (p->type) {
	case IKE2_PAYLOAD_SA:
		return ike2_sa_payload_parse(r, m);
	case IKE2_PAYLOAD_KE:
		m->has_ke = true;
		m->ke_group = reader_u16(&r);
		reader_skip(&r, 2);
		rest(&r);
		return r.verdict;
	case IKE2_PAYLOAD_IDI:
	case IKE2_PAYLOAD_IDR:
		m->has_id = true;
		return opaque(&r);
	case IKE2_PAYLOAD_NONCE:
		m->has_nonce = true;
		return opaque(&r);
	case IKE2_PAYLOAD_NOTIFY:
		return notify_parse(r, m);
	case IKE2_PAYLOAD_DELETE:
		return delete_parse(r, m);
	case IKE2_PAYLOAD_VENDOR_ID:
		return vendor_id_parse(r, m);
	case IKE2_PAYLOAD_SK:
		m->encrypted = true;
		m->np1 = p->next;
		return VERDICT_OK;
	case IKE2_PAYLOAD_SKF:
		return skf_parse(r, p->next, m);
	case IKE2_PAYLOAD_CISCO_FRAGMENT:
		return fragment_parse(r, m);
	}
	return opaque(&r);
}

static bool is_phase_1(const struct ike_header *h)
{
	return h->exchange == IKE1_EXCHANGE_IDENTITY_PROTECTION ||
	       h->exchange == IKE1_EXCHANGE_AGGRESSIVE;
}

static enum verdict ike1_payload_digest(const struct ike_payload *p, struct ike_message *m)
{
	struct reader r = p->body;

	switch (p->type) {
	case IKE1_PAYLOAD_SA:
		return ike1_sa_payload_parse(r, m);
	case IKE1_PAYLOAD_KE:
		m->has_ke = true;
		return opaque(&r);
	case IKE1_PAYLOAD_ID:
		m->has_id = true;
		return opaque(&r);
	case IKE1_PAYLOAD_HASH:
		m->has_hash = true;
		return opaque(&r);
	case IKE1_PAYLOAD_NONCE:
		m->has_nonce = true;
		return opaque(&r);
	case IKE1_PAYLOAD_NOTIFY:
		return notify_parse(r, m);
	case IKE1_PAYLOAD_DELETE:
		return delete_parse(r, m);
	case IKE1_PAYLOAD_VENDOR_ID:
		return vendor_id_parse(r, m);
	case NAT_D_EARLY_DRAFT:
		return is_phase_1(&m->header) ? nat_d_parse(r, m) : opaque(&r);
	case IKE1_PAYLOAD_NAT_D:
	case IKE1_PAYLOAD_NAT_D_DRAFT:
		return nat_d_parse(r, m);
	case IKE1_PAYLOAD_FRAGMENT:
		return fragment_parse(r, m);
	}
	return opaque(&r);
}

/* Counters and flags only: the arrays are several kilobytes. */
static void message_clear(struct ike_message *m)
{
	m->header = (struct ike_header){ 0 };
	m->verdict = VERDICT_OK;
	m->is_request = m->from_initiator = m->encrypted = false;
	m->np1 = IKE_NP1_NONE;
	m->is_fragment = m->fragment_last = false;
	m->fragment_id = m->fragment_number = m->fragment_total = 0;
	m->n_payloads = m->n_notifies = m->n_proposals = m->n_transforms = m->n_offers = 0;
	m->ke_group = 0;
	m->has_ke = m->has_nonce = m->has_id = m->has_hash = false;
	m->n_vendor_ids = m->n_nat_source = m->n_nat_destination = m->n_deletes = 0;
	m->whole = (struct bytes){ NULL, 0 };
}

/* Of 96 bytes of a frame in IPv6 two are left for the header of SK: the first is np1. */
static void cut_in_first_header(struct reader r, struct ike_message *ret)
{
	if (ret->header.major != 2 || ret->header.next_payload != IKE2_PAYLOAD_SK)
		return;

	uint8_t np1 = reader_u8(&r);

	ret->encrypted = true;
	if (reader_ok(&r))
		ret->np1 = np1;
}

enum verdict ike_parse(struct reader r, struct ike_message *ret)
{
	const uint8_t *begin = r.at;

	message_clear(ret);
	size_t captured = r.left;

	ret->verdict = ike_header_parse(&r, &ret->header);
	if (ret->verdict == VERDICT_MALFORMED)
		return ret->verdict;
	ret->whole = (struct bytes){
		begin, ret->verdict == VERDICT_OK ? IKE_HEADER_LEN + r.left : captured };
	ret->encrypted = is_encrypted_v1(&ret->header);
	if (ret->header.major == 2) {
		ret->is_request = !(ret->header.flags & IKE2_FLAG_RESPONSE);
		ret->from_initiator = ret->header.flags & IKE2_FLAG_INITIATOR;
	}

	if (ret->verdict != VERDICT_OK) {
		if (ret->header.major == 2)
			ret->encrypted = ret->header.next_payload == IKE2_PAYLOAD_SK ||
					 ret->header.next_payload == IKE2_PAYLOAD_SKF;
		return ret->verdict;
	}

	struct ike_walk w = ike_walk_over(&ret->header, r);
	struct ike_payload p;

	while (ike_next_payload(&w, &p)) {
		if (ret->n_payloads < IKE_PAYLOADS_MAX)
			ret->payloads[ret->n_payloads] = p.type;
		ret->n_payloads++;

		enum verdict v = ret->header.major == 2 ? ike2_payload_digest(&p, ret)
							: ike1_payload_digest(&p, ret);

		if (v > ret->verdict)	/* malformed outweighs cut */
			ret->verdict = v;
	}
	if (w.r.verdict > ret->verdict)
		ret->verdict = w.r.verdict;
	if (ret->verdict == VERDICT_CUT && ret->n_payloads == 0)
		cut_in_first_header(r, ret);
	return ret->verdict;
}

const struct ike_notify *ike_find_notify(const struct ike_message *m, uint16_t type)
{
	for (unsigned i = 0; i < m->n_notifies && i < IKE_NOTIFIES_MAX; i++)
		if (m->notifies[i].type == type)
			return &m->notifies[i];
	return NULL;
}
