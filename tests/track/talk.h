/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two gateways talk: IKEv2 and IKEv1 messages and ESP packets, with the
 * lengths of AES-CBC with SHA2-256 (DETECTION-FACTS 1.8).  What is inside SK
 * is noise that depends on the message alone, so that a copy is identical and
 * nothing else is.
 */
#ifndef TESTS_TRACK_TALK_H
#define TESTS_TRACK_TALK_H

#include "track/watch.h"
#include "wire/ike_build.h"

struct session {
	struct peer peer[2];	/* [0] began the IKE SA */
	uint64_t spi_i, spi_r;
	uint32_t next_id[2];	/* message IDs, by asker */
	unsigned major;
};

/* Lengths of whole messages, and first payloads inside (RFC 7296 3.2). */
enum {
	LEN_AUTH = 256, LEN_AUTH_OK = 224, LEN_ERROR = 80, LEN_DPD = 80, LEN_CHILD = 256,
	LEN_CHILD_OK = 240,
	LEN_IKE_REKEY = 208,
	NP_NONE = 0, NP_SA = IKE2_PAYLOAD_SA, NP_IDI = IKE2_PAYLOAD_IDI, NP_IDR = IKE2_PAYLOAD_IDR,
	NP_AUTH = IKE2_PAYLOAD_AUTH, NP_NOTIFY = IKE2_PAYLOAD_NOTIFY,
	NP_DELETE = IKE2_PAYLOAD_DELETE,
	NP_EAP = IKE2_PAYLOAD_EAP, NP_NONCE = IKE2_PAYLOAD_NONCE,
};
#define RTT (10 * MS)

static inline struct session session_between(uint32_t a, uint32_t b, uint64_t spi_i)
{
	return (struct session){ .peer = { { a, 500 }, { b, 500 } },
				 .spi_i = spi_i,
				 .spi_r = spi_i ^ UINT64_C(0xffff0000ffff0000),
				 .major = 2 };
}

static inline void put_spis(struct build *b, uint64_t spi_i, uint64_t spi_r)
{
	put32(b->bytes, (uint32_t)(spi_i >> 32));
	put32(b->bytes + 4, (uint32_t)spi_i);
	put32(b->bytes + 8, (uint32_t)(spi_r >> 32));
	put32(b->bytes + 12, (uint32_t)spi_r);
}

/* Bytes that nobody can read but that differ from message to message. */
static inline void put_noise(struct build *b, uint64_t seed, size_t length)
{
	while (length-- > 0) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		put_number(b, seed >> 56, 1);
	}
}

/* On its way: with the non-ESP marker where port 4500 or a NAT's is used (RFC 3948 2.2). */
static inline void give_ike(struct watch *w, struct peer from, struct peer to,
			    const struct build *b)
{
	uint8_t marked[512];
	bool marker = from.port != 500 && to.port != 500;
	size_t at = marker ? 4 : 0;

	assert_true(b->length + at <= sizeof(marked));
	memset(marked, 0, 4);
	memcpy(marked + at, b->bytes, b->length);
	give_udp(w, from, to, marked, b->length + at);
}

/* ---- IKEv2 ----------------------------------------------------------------- */

struct sk {
	uint8_t exchange, np1;
	uint32_t id;
	bool response, by_initiator;
	size_t length;
	uint16_t number, total;		/* SKF; 0 none */
	uint64_t salt;			/* other bytes under the same ID */
};

static inline struct build sk_message(const struct session *s, const struct sk *k)
{
	struct build b = ike_begin(2, k->exchange,
				   (uint8_t)((k->response ? IKE2_FLAG_RESPONSE : 0) |
					     (k->by_initiator ? IKE2_FLAG_INITIATOR : 0)),
				   k->id);
	size_t head = IKE_HEADER_LEN + 4 + (k->total ? 4 : 0);

	put_spis(&b, s->spi_i, s->spi_r);
	begin_payload(&b, k->total ? IKE2_PAYLOAD_SKF : IKE2_PAYLOAD_SK);
	b.bytes[b.payload_at] = k->number > 1 ? 0 : k->np1;
	if (k->total) {
		put_number(&b, k->number, 2);
		put_number(&b, k->total, 2);
	}
	assert_true(k->length > head);
	put_noise(&b,
		  s->spi_i ^ (uint64_t)k->id << 32 ^ (uint64_t)k->exchange << 24 ^
			  (uint64_t)k->number << 8 ^ (k->response ? 2u : 0u) ^
			  (k->by_initiator ? 1u : 0u) ^ k->salt << 40,
		  k->length - head);
	ike_end(&b);
	return b;
}

/* `by`: who asked, 0 the initiator of the IKE SA.  The answer comes from the other. */
static inline void say(struct watch *w, const struct session *s, int by, bool response,
		       uint8_t exchange, uint32_t id, uint8_t np1, size_t length)
{
	const struct sk k = { .exchange = exchange, .np1 = np1, .id = id, .response = response,
			      .by_initiator = (by == 0) != response, .length = length };
	struct build b = sk_message(s, &k);
	int from = response ? 1 - by : by;

	give_ike(w, s->peer[from], s->peer[1 - from], &b);
}

static inline uint32_t ask(struct watch *w, struct session *s, int by, uint8_t exchange,
			   uint8_t np1, size_t length)
{
	uint32_t id = s->next_id[by]++;

	say(w, s, by, false, exchange, id, np1, length);
	return id;
}

static inline void answer(struct watch *w, const struct session *s, int by, uint8_t exchange,
			  uint32_t id, uint8_t np1, size_t length)
{
	say(w, s, by, true, exchange, id, np1, length);
}

static inline void exchange_done(struct watch *w, struct session *s, int by, uint8_t exchange,
				 uint8_t np1, size_t length, uint8_t np1_answer,
				 size_t length_answer)
{
	uint32_t id = ask(w, s, by, exchange, np1, length);

	pass(w, RTT);
	answer(w, s, by, exchange, id, np1_answer, length_answer);
}

static inline void put_suite2(struct build *b)
{
	static const uint16_t transform[][2] = { { 1, 12 }, { 3, 12 }, { 2, 5 }, { 4, 31 } };

	begin_payload(b, IKE2_PAYLOAD_SA);
	size_t proposal = begin_substructure(b);

	put_number(b, 0x01010004, 4);
	for (int i = 0; i < 4; i++) {
		size_t at = begin_substructure(b);

		if (i < 3)
			b->bytes[at] = 3;
		put_number(b, (uint64_t)transform[i][0] << 24 | transform[i][1], 4);
		if (i == 0)
			put_tv(b, 14, 256);
		end_substructure(b, at);
	}
	end_substructure(b, proposal);
}

/* Another suite than put_suite2(): 3DES alone. */
static inline void put_sa2_alone(struct build *b)
{
	begin_payload(b, IKE2_PAYLOAD_SA);
	size_t proposal = begin_substructure(b);

	put_number(b, 0x01010001, 4);
	size_t transform = begin_substructure(b);

	put_number(b, 0x01000003, 4);
	end_substructure(b, transform);
	end_substructure(b, proposal);
}

static inline struct build init_message(const struct session *s, bool response, uint64_t salt)
{
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT,
				   response ? IKE2_FLAG_RESPONSE : IKE2_FLAG_INITIATOR, 0);

	put_spis(&b, s->spi_i, response ? s->spi_r : 0);
	put_suite2(&b);
	begin_payload(&b, IKE2_PAYLOAD_KE);
	put_number(&b, 31u << 16, 4);
	put_noise(&b, s->spi_i ^ salt ^ response, 32);
	begin_payload(&b, IKE2_PAYLOAD_NONCE);
	put_noise(&b, s->spi_i ^ salt ^ response ^ 77, 32);
	ike_end(&b);
	return b;
}

static inline void say_init(struct watch *w, const struct session *s, bool response)
{
	struct build b = init_message(s, response, 0);

	give_ike(w, s->peer[response], s->peer[!response], &b);
}

/* IKE_SA_INIT answered by an error or a cookie, in clear. */
static inline void say_init_notify(struct watch *w, const struct session *s, uint16_t notify,
				   const void *data, size_t n)
{
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_RESPONSE, 0);

	put_spis(&b, s->spi_i, 0);
	put_notify2(&b, 0, notify, data, n);
	ike_end(&b);
	give_ike(w, s->peer[1], s->peer[0], &b);
}

/* IKE_SA_INIT and IKE_AUTH, all answered. */
static inline void set_up(struct watch *w, struct session *s)
{
	say_init(w, s, false);
	pass(w, RTT);
	say_init(w, s, true);
	pass(w, RTT);
	s->next_id[0] = 1;
	exchange_done(w, s, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	pass(w, RTT);
}

static inline void dpd(struct watch *w, struct session *s, int by)
{
	exchange_done(w, s, by, IKE2_EXCHANGE_INFORMATIONAL, NP_NONE, LEN_DPD, NP_NONE, LEN_DPD);
}

static inline void rekey_child(struct watch *w, struct session *s, int by)
{
	exchange_done(w, s, by, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_NOTIFY, LEN_CHILD, NP_SA,
		      LEN_CHILD_OK);
}

static inline void delete_child(struct watch *w, struct session *s, int by)
{
	exchange_done(w, s, by, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD, NP_DELETE,
		      LEN_DPD);
}

static inline void delete_ike(struct watch *w, struct session *s, int by)
{
	exchange_done(w, s, by, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD, NP_NONE, LEN_DPD);
}

/* The IKE SA is rekeyed by `by`; what it becomes. */
static inline struct session rekey_ike(struct watch *w, struct session *s, int by)
{
	struct session next = *s;

	exchange_done(w, s, by, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_SA, LEN_IKE_REKEY, NP_SA,
		      LEN_IKE_REKEY);
	next.peer[0] = s->peer[by];
	next.peer[1] = s->peer[1 - by];
	next.spi_i = s->spi_i * 31 + 1;
	next.spi_r = s->spi_r * 31 + 1;
	next.next_id[0] = next.next_id[1] = 0;
	return next;
}

/* ---- IKEv1 ----------------------------------------------------------------- */

static inline struct session session1(void)
{
	struct session s = session_between(GW_A, GW_B, 0x11);

	s.major = 1;
	return s;
}

/* `length` 0: as long as it is. */
static inline void say1(struct watch *w, const struct session *s, int from, uint8_t exchange,
			uint32_t id, struct build *b, bool first)
{
	(void)exchange, (void)id;
	put_spis(b, s->spi_i, first ? 0 : s->spi_r);
	give_ike(w, s->peer[from], s->peer[1 - from], b);
}

/* Encrypted: the header says its type and length, nothing else. */
static inline void say1_sealed(struct watch *w, const struct session *s, int from, uint8_t exchange,
			       uint32_t id, size_t length, uint64_t salt)
{
	struct build b = ike_begin(1, exchange, IKE1_FLAG_ENCRYPTED, id);

	b.bytes[16] = IKE1_PAYLOAD_HASH;
	put_noise(&b,
		  s->spi_i ^ (uint64_t)id << 24 ^ (uint64_t)exchange << 16 ^ (unsigned)from ^
			  salt << 4,
		  length - IKE_HEADER_LEN);
	b.bytes[26] = (uint8_t)(b.length >> 8);
	b.bytes[27] = (uint8_t)b.length;
	say1(w, s, from, exchange, id, &b, false);
}

/* An offer: AES-256, SHA2-256, PSK, group 14, `life` seconds. */
static inline void put_offer1(struct build *b, uint32_t life)
{
	begin_payload(b, IKE1_PAYLOAD_SA);
	put_number(b, 0x0000000100000001, 8);
	size_t proposal = begin_substructure(b);

	put_number(b, 0x01010001, 4);
	size_t transform = begin_substructure(b);

	put_number(b, 0x01010000, 4);
	put_tv(b, 1, 7);
	put_tv(b, 14, 256);
	put_tv(b, 2, 4);
	put_tv(b, 3, 1);
	put_tv(b, 4, 14);
	put_tv(b, 11, 1);
	put_tlv(b, 12, life, 4);
	end_substructure(b, transform);
	end_substructure(b, proposal);
}

static inline void main_mode_step(struct watch *w, const struct session *s, unsigned step)
{
	struct build b = ike_begin(1, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 0);
	int from = step % 2 ? 0 : 1;

	if (step >= 5) {
		say1_sealed(w, s, from, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, 108, step);
		return;
	}
	if (step <= 2) {
		put_offer1(&b, 28800);
	} else {
		begin_payload(&b, IKE1_PAYLOAD_KE);
		put_noise(&b, s->spi_i ^ step, 64);
		begin_payload(&b, IKE1_PAYLOAD_NONCE);
		put_noise(&b, s->spi_i ^ step ^ 9, 32);
	}
	ike_end(&b);
	say1(w, s, from, IKE1_EXCHANGE_IDENTITY_PROTECTION, 0, &b, step == 1);
}

static inline void main_mode(struct watch *w, const struct session *s)
{
	for (unsigned step = 1; step <= 6; step++) {
		main_mode_step(w, s, step);
		pass(w, RTT);
	}
}

static inline void quick_step(struct watch *w, const struct session *s, int by, uint32_t id,
			      unsigned step)
{
	static const size_t length[] = { 0, 188, 188, 76 };

	say1_sealed(w, s, step == 2 ? 1 - by : by, IKE1_EXCHANGE_QUICK_MODE, id, length[step],
		    step);
}

static inline void quick_mode(struct watch *w, const struct session *s, int by, uint32_t id)
{
	for (unsigned step = 1; step <= 3; step++) {
		quick_step(w, s, by, id, step);
		pass(w, RTT);
	}
}

/* HASH of 32 bytes and what it protects, padded to 16 (RFC 2409 5.7). */
enum { LEN1_DPD = 28 + 80, LEN1_DELETE_IKE = 28 + 64, LEN1_DELETE_CHILD = 28 + 64 };

/* ---- ESP ------------------------------------------------------------------- */

static inline void esp_between(struct watch *w, uint32_t from, uint32_t to, uint32_t spi,
			       uint32_t seq)
{
	uint8_t esp[48];

	memset(esp, 0xa5, sizeof(esp));
	put32(esp, spi);
	put32(esp + 4, seq);
	struct built b = built_from(esp, sizeof(esp));

	wrap_ipv4(&b, IP_ESP, from, to);
	give(w, &b);
}

static inline void esp_in_udp(struct watch *w, struct peer from, struct peer to, uint32_t spi,
			      uint32_t seq)
{
	uint8_t esp[48];

	memset(esp, 0xa5, sizeof(esp));
	put32(esp, spi);
	put32(esp + 4, seq);
	give_udp(w, from, to, esp, sizeof(esp));
}

static inline void ah_between(struct watch *w, uint32_t from, uint32_t to, uint32_t spi,
			      uint32_t seq)
{
	uint8_t ah[64];

	memset(ah, 0, sizeof(ah));
	ah[0] = IP_UDP;
	ah[1] = 4;
	put32(ah + 4, spi);
	put32(ah + 8, seq);
	struct built b = built_from(ah, sizeof(ah));

	wrap_ipv4(&b, IP_AH, from, to);
	give(w, &b);
}

/* Packets `from`..`to` of both directions, `gap` apart. */
static inline void talk(struct watch *w, const struct session *s, const uint32_t spi[2],
			uint32_t from, uint32_t to, nsec gap)
{
	for (uint32_t seq = from; seq <= to; seq++) {
		esp_between(w, s->peer[0].addr, s->peer[1].addr, spi[0], seq);
		esp_between(w, s->peer[1].addr, s->peer[0].addr, spi[1], seq);
		pass(w, gap);
	}
}

/* ---- a tunnel that is up ---------------------------------------------------- */

/* SPIs of child SAs: each names a pair, FIRST and FIRST + 1. */
enum { FIRST = 0xc0000001, SECOND = 0xc0000011 };

static inline void two(uint32_t ret_spi[2], uint32_t first)
{
	ret_spi[0] = first;
	ret_spi[1] = first + 1;
}

/* Set up, and ten seconds of packets on the first child SA. */
static inline struct session talking(struct watch *w, uint32_t ret_spi[2])
{
	struct session s = session_between(GW_A, GW_B, 0x11);

	two(ret_spi, FIRST);
	set_up(w, &s);
	talk(w, &s, ret_spi, 1, 100, 100 * MS);
	return s;
}

/* Phase 1, a child SA of these SPIs, and so many packets each way. */
static inline struct session up1(struct watch *w, const uint32_t spi[2], uint32_t packets)
{
	struct session s = session1();

	main_mode(w, &s);
	pass(w, RTT);
	quick_mode(w, &s, 0, 0xaaaa);
	talk(w, &s, spi, 1, packets, 100 * MS);
	return s;
}

#endif
