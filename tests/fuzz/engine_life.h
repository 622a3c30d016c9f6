/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of tunnels as a program: each step is three bytes, what is done
 * (five bits) and what the tap makes of it (three), whose it is, how much.
 */
#ifndef SAWATCH_TESTS_FUZZ_ENGINE_LIFE_H
#define SAWATCH_TESTS_FUZZ_ENGINE_LIFE_H

#include "engine_run.h"

enum { SESSIONS = 8, STEPS_MAX = 300, CHECKED_EACH = 48, CHECKED_SOME = 4 };
#define SPAN_MAX (12 * 3600 * NSEC_PER_S)

/* The next byte of the program; 0 behind its end. */
static uint8_t take(const uint8_t **at, const uint8_t *end)
{
	return *at < end ? *(*at)++ : 0;
}

struct life {
	struct engine *en;
	struct session session[SESSIONS];
	uint32_t asked[SESSIONS][2];		/* message ID of the latest request, by asker */
	uint32_t spi[SESSIONS][2], seq[SESSIONS][2];
	uint32_t next_spi;
	uint64_t next_ike_spi;
	const uint8_t *at, *end;
};

struct step {
	unsigned k;		/* session */
	int by;			/* 0 its initiator */
	unsigned more;		/* four bits */
	uint8_t amount;
};

static const uint8_t np1s[16] = {
	NP_NONE, NP_SA, NP_IDI, NP_IDR, NP_AUTH, NP_NOTIFY, NP_DELETE, NP_EAP, NP_NONCE,
	IKE2_PAYLOAD_CERT,
	IKE2_PAYLOAD_CP, IKE2_PAYLOAD_TSI, IKE2_PAYLOAD_VENDOR_ID, IKE2_PAYLOAD_KE, 255, 1,
};
static const uint8_t exchanges2[16] = {
	IKE2_EXCHANGE_IKE_AUTH, IKE2_EXCHANGE_CREATE_CHILD_SA, IKE2_EXCHANGE_INFORMATIONAL,
	IKE2_EXCHANGE_IKE_SA_INIT,
	43, 44, 38, 0, 240, 255, IKE2_EXCHANGE_CREATE_CHILD_SA, IKE2_EXCHANGE_INFORMATIONAL, 35, 36,
	37, 34,
};
static const uint16_t notifies[16] = {
	IKE2_NOTIFY_COOKIE, 17, 14, 7, 4, 24, 43, 11, 34, 38, 16390, 16388, 16389, 1, 8192, 65535,
};
/* of messages: what the tracker tells purposes by, and anything */
static const uint16_t lengths[8] = {
	LEN_AUTH, LEN_AUTH_OK, LEN_ERROR, LEN_CHILD, LEN_CHILD_OK, LEN_IKE_REKEY, 92, 64,
};

static size_t length_of(const struct step *s)
{
	return s->amount < 128 ? lengths[s->amount % 8] : 40 + (size_t)(s->amount - 128) * 3;
}

/* ---- IKE ------------------------------------------------------------------- */

static void begin_session(struct life *l, const struct step *s, unsigned major)
{
	static const uint32_t gateways[4] = { GW_A, GW_B, GW_C, NAT };
	uint32_t from = gateways[s->more & 3],
		 to = gateways[(s->more & 3) ^ (1 + (s->more >> 2) % 3)];
	/* some SPIs come again */
	uint64_t spi_i =
		s->amount & 1 ? UINT64_C(0x1000000000000000) + (s->amount >> 1) : ++l->next_ike_spi;

	l->session[s->k] = session_between(s->by ? to : from, s->by ? from : to, spi_i);
	l->session[s->k].major = major;
	if (s->amount & 2)
		l->session[s->k].peer[0].port = l->session[s->k].peer[1].port = 4500;
	if (s->amount & 4)
		l->session[s->k].peer[0].port = (uint16_t)(20000 + s->amount);
}

static void say_notify(struct life *l, const struct step *s)
{
	static const uint8_t data[8] = { 0, 19, 3, 4, 5, 6, 7, 8 };

	say_init_notify(&l->en->w, &l->session[s->k], notifies[s->more], data, s->amount % 9);
}

/* Any exchange, message ID off by a little, any first payload, any length. */
static void say_any(struct life *l, const struct step *s, bool response)
{
	struct session *session = &l->session[s->k];
	uint8_t what = take(&l->at, l->end), off = take(&l->at, l->end);
	uint32_t id = response ? l->asked[s->k][s->by] : session->next_id[s->by];

	if (off != 0)
		id = (uint32_t)((int64_t)id + (int8_t)off);
	if (!response) {
		l->asked[s->k][s->by] = id;
		session->next_id[s->by] = id + 1;
	}
	say(&l->en->w, session, s->by, response, exchanges2[s->more], id, np1s[what & 15],
	    length_of(s));
}

static void say_fragment(struct life *l, const struct step *s)
{
	uint8_t numbers = take(&l->at, l->end), what = take(&l->at, l->end);
	const struct sk k = {
		.exchange = exchanges2[s->more], .np1 = np1s[what & 15],
		.id = l->asked[s->k][s->by],
		.response = what & 16, .by_initiator = (s->by == 0) != ((what & 16) != 0),
		.length = length_of(s),
		.number = numbers & 15, .total = (uint16_t)(1 + (numbers >> 4)), .salt = what >> 5,
	};
	struct build b = sk_message(&l->session[s->k], &k);
	int from = k.response ? 1 - s->by : s->by;

	give_ike(&l->en->w, l->session[s->k].peer[from], l->session[s->k].peer[1 - from], &b);
}

/* A header that fits, and payloads from the input. */
static void say_raw(struct life *l, const struct step *s)
{
	struct session *session = &l->session[s->k];
	uint8_t exchange = take(&l->at, l->end), flags = take(&l->at, l->end);
	struct build b = ike_begin(session->major, exchange, flags, session->next_id[s->by]);

	put_spis(&b, session->spi_i, s->more & 1 ? session->spi_r : 0);
	b.bytes[16] = take(&l->at, l->end);
	for (unsigned n = s->amount; n > 0 && l->at < l->end; n--)
		put_number(&b, take(&l->at, l->end), 1);
	b.next_at = b.payload_at = 0;
	ike_end(&b);
	give_ike(&l->en->w, session->peer[s->by], session->peer[1 - s->by], &b);
}

static void say_sealed1(struct life *l, const struct step *s)
{
	static const uint8_t exchanges1[4] = { 2, 4, 5, 32 };
	uint8_t id = take(&l->at, l->end);

	say1_sealed(&l->en->w, &l->session[s->k], s->by, exchanges1[s->more & 3], id, length_of(s),
		    s->more >> 2);
}

static void rekey_to(struct life *l, const struct step *s)
{
	l->session[(s->k + (s->more & 1)) % SESSIONS] =
		rekey_ike(&l->en->w, &l->session[s->k], s->by);
}

/* ---- data ------------------------------------------------------------------ */

static void change_spi(struct life *l, const struct step *s)
{
	if (s->more & 8)
		/* another's */
		l->spi[s->k][s->by] = l->spi[s->amount % SESSIONS][s->amount >> 4 & 1];
	else if (s->more & 4)
		l->spi[s->k][s->by] = 0xc0000000 + s->amount;	/* perhaps an old one */
	else
		l->spi[s->k][s->by] = ++l->next_spi;
	if (s->more & 1)
		l->seq[s->k][s->by] = 0;
	if (s->more & 2)
		l->seq[s->k][s->by] = UINT32_MAX - s->amount;
}

static void send_tcp(struct life *l, const struct step *s, const uint8_t *esp, size_t length)
{
	struct session *session = &l->session[s->k];
	uint8_t segment[20 + 6 + 2 + 64] = { 0 };
	uint32_t *seq = &l->seq[s->k][s->by];
	size_t at = 20;

	put16(segment, s->by ? 4500 : 1234);
	put16(segment + 2, s->by ? 1234 : 4500);
	put32(segment + 4, *seq * 66);
	segment[12] = 0x50;
	segment[13] = 0x10;
	put16(segment + at, (unsigned)length + 2);
	memcpy(segment + at + 2, esp, length);
	at += 2 + length;

	struct built b = built_from(segment, at);

	wrap_ipv4(&b, IP_TCP, session->peer[s->by].addr, session->peer[1 - s->by].addr);
	give(&l->en->w, &b);
}

static void send_esp(struct life *l, const struct step *s, enum encap encap)
{
	struct session *session = &l->session[s->k];
	struct peer from = session->peer[s->by], to = session->peer[1 - s->by];
	unsigned n = 1 + s->amount % 16;
	/* how far the sequence number goes with each: backwards, twice the same, far */
	static const int32_t strides[16] = {
		1, 1, 1, 1, 2, 3, 10, 63, 64, 65, 200, 70000, 0, -1, -40, -5000,
	};
	int32_t stride = strides[s->more];

	if (l->spi[s->k][s->by] == 0)
		l->spi[s->k][s->by] = ++l->next_spi;
	for (unsigned i = 0; i < n; i++) {
		uint32_t spi = l->spi[s->k][s->by], seq = l->seq[s->k][s->by] += (uint32_t)stride;
		uint8_t esp[64];

		switch (encap) {
		case ENCAP_UDP:
			esp_in_udp(&l->en->w,
				   (struct peer){ from.addr, from.port == 500 ? 4500 : from.port },
				   (struct peer){ to.addr, to.port == 500 ? 4500 : to.port }, spi,
				   seq);
			break;
		case ENCAP_TCP:
			memset(esp, 0xa5, sizeof(esp));
			put32(esp, spi);
			put32(esp + 4, seq);
			send_tcp(l, s, esp, sizeof(esp));
			break;
		case ENCAP_NONE:
			if (session->major == 1 && s->k == 7)
				ah_between(&l->en->w, from.addr, to.addr, spi, seq);
			else
				esp_between(&l->en->w, from.addr, to.addr, spi, seq);
			break;
		}
		pass(&l->en->w, (nsec)(s->amount >> 4) * 20 * MS);
	}
}

/* Both directions for a while: what makes a tunnel look alive. */
static void send_both(struct life *l, const struct step *s)
{
	for (int by = 0; by < 2; by++) {
		const struct step one = { .k = s->k, .by = by, .amount = s->amount };

		send_esp(l, &one, ENCAP_NONE);
	}
}

static void send_icmp(struct life *l, const struct step *s)
{
	struct session *session = &l->session[s->k];
	uint8_t icmp[8 + 20 + 8 + 36] = { 3, 0, 0, 0, 0, 0, 0x05, 0x14 };
	uint8_t *ip = icmp + 8;

	icmp[1] = (uint8_t)s->more;
	ip[0] = 0x45;
	put16(ip + 2, 64);
	ip[8] = 60;
	ip[9] = s->amount & 1 ? IP_UDP : IP_ESP;
	put32(ip + 12, session->peer[s->by].addr);
	put32(ip + 16, session->peer[1 - s->by].addr);
	if (s->amount & 1) {
		put16(ip + 20, session->peer[s->by].port);
		put16(ip + 22, session->peer[1 - s->by].port);
		put16(ip + 24, 44);
	} else {
		put32(ip + 20, l->spi[s->k][s->by]);
		put32(ip + 24, l->seq[s->k][s->by]);
	}

	struct built b = built_from(icmp, sizeof(icmp));

	wrap_ipv4(&b, IP_ICMP, session->peer[1 - s->by].addr, session->peer[s->by].addr);
	give(&l->en->w, &b);
}

static void send_keepalive(struct life *l, const struct step *s)
{
	const struct session *session = &l->session[s->k];

	give_udp(&l->en->w,
		 (struct peer){ session->peer[s->by].addr,
				s->more & 1 ? 4500 : session->peer[s->by].port },
		 (struct peer){ session->peer[1 - s->by].addr, 4500 }, "\xff", 1);
}

static void move(struct life *l, const struct step *s)
{
	struct peer *p = &l->session[s->k].peer[s->by];

	if (s->more & 1)
		p->port = (uint16_t)(s->amount & 1 ? 4500 : 1024 + s->amount);
	if (s->more & 2)
		p->addr = s->amount & 2 ? NAT : 0xc0000200 + (s->amount >> 4);
}

/* An IP packet of which all but addresses and length is the input's. */
static void send_raw(struct life *l, const struct step *s)
{
	uint8_t bytes[256];
	size_t n = 0;

	while (n < s->amount && l->at < l->end)
		bytes[n++] = take(&l->at, l->end);

	struct built b = built_from(bytes, n);
	static const uint8_t protocols[8] = {
		IP_UDP, IP_ESP, IP_AH, IP_TCP, IP_ICMP, IP_GRE, IP_IPIP, IP_ICMPV6,
	};
	uint8_t protocol = protocols[s->more & 7];

	if (s->more & 8)
		wrap_ipv6(&b, protocol, s->by ? 1 : 2, s->by ? 2 : 1);
	else
		wrap_ipv4(&b, protocol, l->session[s->k].peer[s->by].addr,
			  l->session[s->k].peer[1 - s->by].addr);
	give(&l->en->w, &b);
}

/* ---- time ------------------------------------------------------------------ */

static nsec span_of(const struct step *s)
{
	static const nsec units[8] = { NSEC_PER_MS / 10, NSEC_PER_MS, 10 * NSEC_PER_MS,
	100 * NSEC_PER_MS,
				       NSEC_PER_S, 10 * NSEC_PER_S, 60 * NSEC_PER_S,
				       600 * NSEC_PER_S };

	return units[s->more & 7] * (1 + s->amount % 32);
}

static void let_pass(struct life *l, const struct step *s)
{
	nsec span = span_of(s);

	if (s->more & 8)
		span = s->amount & 128 ? -span : span / 2;
	if (l->en->w.now + span - T0 > SPAN_MAX || l->en->w.now + span < T0)
		return;
	pass(&l->en->w, span);
}

static void let_idle(struct life *l, const struct step *s)
{
	nsec span = span_of(s);

	if (l->en->w.now + span - T0 <= SPAN_MAX)
		idle(&l->en->w, span);
	if (l->en->reassembler)
		reassemble_tick(l->en->reassembler, l->en->w.now);
}

/* ---- the program ----------------------------------------------------------- */

static void do_step(struct life *l, unsigned what, const struct step *s)
{
	struct watch *w = &l->en->w;
	struct session *session = &l->session[s->k];

	switch (what) {
	case 0: begin_session(l, s, 2); break;
	case 1: begin_session(l, s, 1); break;
	case 2: say_init(w, session, s->by); break;
	case 3: say_notify(l, s); break;
	case 4: set_up(w, session); break;
	case 5: say_any(l, s, false); break;
	case 6: say_any(l, s, true); break;
	case 7: say_fragment(l, s); break;
	case 8: say_raw(l, s); break;
	case 9: rekey_child(w, session, s->by); break;
	case 10: delete_child(w, session, s->by); break;
	case 11: rekey_to(l, s); break;
	case 12: delete_ike(w, session, s->by); break;
	case 13: dpd(w, session, s->by); break;
	case 14: main_mode(w, session); break;
	case 15: main_mode_step(w, session, 1 + s->more % 6); break;
	case 16: quick_mode(w, session, s->by, 1 + s->amount); break;
	case 17: quick_step(w, session, s->by, 1 + s->amount, 1 + s->more % 3); break;
	case 18: say_sealed1(l, s); break;
	case 19: send_esp(l, s, ENCAP_NONE); break;
	case 20: send_esp(l, s, ENCAP_UDP); break;
	case 21: send_esp(l, s, ENCAP_TCP); break;
	case 22: send_both(l, s); break;
	case 23: change_spi(l, s); break;
	case 24: send_icmp(l, s); break;
	case 25: send_keepalive(l, s); break;
	case 26: move(l, s); break;
	case 27: send_raw(l, s); break;
	case 28: let_pass(l, s); break;
	case 29: let_idle(l, s); break;
	case 30: tracker_flush(w->tracker); break;
	case 31: tracker_dropped(w->tracker, w->now - span_of(s), w->now, s->amount); break;
	default: break;
	}
}

static struct life life_of(struct engine *en, const uint8_t *at, const uint8_t *end)
{
	return (struct life){
		.en = en, .at = at, .end = end, .next_spi = 0xc0000000, .next_ike_spi = 0x5000
	};
}

static void begin_sessions(struct life *l)
{
	for (unsigned k = 0; k < SESSIONS; k++) {
		const struct step s = { .k = k, .more = k };

		begin_session(l, &s, k < 6 ? 2 : 1);
	}
}

/* Up to `steps`, or as many as the input has. */
static void live(struct life *l, unsigned steps)
{
	for (unsigned n = 0; n < steps && l->at < l->end; n++) {
		uint8_t what = take(&l->at, l->end), whose = take(&l->at, l->end),
			amount = take(&l->at, l->end);
		const struct step s = {
			.k = whose & 7, .by = whose >> 3 & 1, .more = whose >> 4, .amount = amount,
		};

		l->en->tap = (enum tap)(what >> 5);
		l->en->tap_where = amount;
		do_step(l, what & 31, &s);
		/*
		 * what is inconsistent stays so for longer than a few steps, or is seen at the end
		 */
		if (n < CHECKED_EACH || n % CHECKED_SOME == 0)
			tracker_check(l->en->w.tracker);
	}
}

/* A failed assertion of cmocka's must be a crash here, there is no test to fail. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

#endif
