/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Random but valid lives of a few tunnels, over a network that loses, copies,
 * delays and reorders, in tables that are too small for them.  After every few
 * frames the tracker is consistent, and in the end so is all that it told.
 * TRACKER_SEEDS and TRACKER_SEED set how many seeds, and the first.
 */
#include "track/talk.h"

enum { LINES = 5, CHILDREN = 4, STEPS = 120 };

struct random {
	uint64_t state;
};

static uint32_t draw(struct random *r, uint32_t below)
{
	r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((r->state >> 33) % below);
}

struct line {
	struct session session;
	bool up;
	uint32_t spi[CHILDREN][2], seq[CHILDREN][2];
};

struct world {
	struct watch watch;
	struct random random;
	struct line line[LINES];
	uint32_t next_spi;
	uint64_t next_ike;
	uint32_t loss;			/* of a hundred messages */
};

/* What the network makes of a message that is about to be sent. */
static unsigned copies(struct world *w)
{
	if (draw(&w->random, 100) < w->loss)
		return 0;
	return draw(&w->random, 20) == 0 ? 2 : 1;
}

static void tick(struct world *w)
{
	static const nsec span[] = { 0, MS, 10 * MS, 30 * MS, 250 * MS, S, 3 * S };

	pass(&w->watch, span[draw(&w->random, 7)]);
	if (draw(&w->random, 50) == 0)
		pass(&w->watch, (nsec)draw(&w->random, 200) * S);
	if (draw(&w->random, 400) == 0)
		pass(&w->watch, (nsec)draw(&w->random, 200000) * S);
	if (draw(&w->random, 200) == 0)
		pass(&w->watch, -(nsec)draw(&w->random, 50) * S);
}

static void send_sk(struct world *w, struct line *l, const struct sk *k)
{
	struct build b = sk_message(&l->session, k);
	int from = k->by_initiator ? 0 : 1;

	for (unsigned n = copies(w); n > 0; n--)
		give_ike(&w->watch, l->session.peer[from], l->session.peer[1 - from], &b);
}

/* One exchange with its losses and retransmissions; true when the asker was answered. */
static bool exchange(struct world *w, struct line *l, int by, uint8_t type, uint8_t np1,
		     size_t length, uint8_t np1_answer, size_t length_answer)
{
	struct sk k = { .exchange = type,
			.np1 = np1,
			.id = l->session.next_id[by]++,
			.by_initiator = by == 0,
			.length = length };
	struct sk a = { .exchange = type,
			.np1 = np1_answer,
			.id = k.id,
			.response = true,
			.by_initiator = by != 0,
			.length = length_answer };
	unsigned parts = draw(&w->random, 10) == 0 ? 2 + draw(&w->random, 3) : 1;

	for (unsigned try = 0; try < 1 + draw(&w->random, 5); try++) {
		for (unsigned n = 1; n <= parts; n++) {
			k.number = parts > 1 ? (uint16_t)(draw(&w->random, 4)
								  ? n
								  : 1 + draw(&w->random, parts))
					     : 0;
			k.total = parts > 1 ? (uint16_t)parts : 0;
			send_sk(w, l, &k);
		}
		tick(w);
		if (draw(&w->random, 100) < w->loss)
			continue;
		send_sk(w, l, &a);
		return true;
	}
	return false;
}

static void begin(struct world *w, struct line *l)
{
	uint64_t spi = w->next_ike++ * 0x100000001;
	struct session *s = &l->session;
	struct peer peer[2] = { s->peer[0], s->peer[1] };
	bool turned = draw(&w->random, 2);

	*s = session_between(0, 0, spi);
	s->peer[0] = peer[turned];
	s->peer[1] = peer[!turned];
	for (unsigned n = copies(w); n > 0; n--) {
		say_init(&w->watch, s, false);
		tick(w);
	}
	if (draw(&w->random, 8) == 0)
		say_init_notify(&w->watch, s,
				draw(&w->random, 2) ? IKE2_NOTIFY_COOKIE
						    : IKE2_NOTIFY_NO_PROPOSAL_CHOSEN,
				"cookie", 6);
	if (copies(w))
		say_init(&w->watch, s, true);
	tick(w);
	s->next_id[0] = 1;
	while (draw(&w->random, 6) == 0)
		exchange(w, l, 0, IKE2_EXCHANGE_IKE_AUTH, NP_EAP, 120, NP_EAP, 120);
	if (draw(&w->random, 10) == 0) {
		l->up = false;
		exchange(w, l, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_NOTIFY, LEN_ERROR);
		return;
	}
	l->up = exchange(w, l, 0, IKE2_EXCHANGE_IKE_AUTH, NP_IDI, LEN_AUTH, NP_IDR, LEN_AUTH_OK);
	for (int d = 0; d < 2; d++) {
		l->spi[0][d] = w->next_spi++;
		l->seq[0][d] = 0;
	}
}

static void traffic(struct world *w, struct line *l)
{
	unsigned child = draw(&w->random, CHILDREN), packets = draw(&w->random, 12);
	bool udp = l->session.peer[0].port != 500;

	for (unsigned n = 0; n < packets; n++) {
		int d = (int)draw(&w->random, 2);
		uint32_t *seq = &l->seq[child][d];

		if (l->spi[child][d] == 0)
			return;
		*seq += draw(&w->random, 30) == 0 ? 1 + draw(&w->random, 3000) : 1;
		if (draw(&w->random, 2000) == 0)
			*seq = draw(&w->random, 2) ? 0xfffffff0 : 0;
		for (unsigned c = copies(w); c > 0; c--) {
			uint32_t now =
				*seq - (draw(&w->random, 10) == 0 ? draw(&w->random, 100) : 0);

			if (udp)
				esp_in_udp(&w->watch, l->session.peer[d], l->session.peer[1 - d],
					   l->spi[child][d], now);
			else
				esp_between(&w->watch, l->session.peer[d].addr,
					    l->session.peer[1 - d].addr, l->spi[child][d], now);
		}
		if (draw(&w->random, 3) == 0)
			tick(w);
	}
}

static void rekey(struct world *w, struct line *l)
{
	int by = (int)draw(&w->random, 2);
	unsigned child = draw(&w->random, CHILDREN);
	bool fresh = draw(&w->random, 3) == 0, refused = draw(&w->random, 8) == 0;
	bool done = exchange(w, l, by, IKE2_EXCHANGE_CREATE_CHILD_SA, fresh ? NP_SA : NP_NOTIFY,
			     LEN_CHILD, refused ? NP_NOTIFY : NP_SA,
			     refused ? LEN_ERROR : LEN_CHILD_OK);

	if (!done || refused)
		return;
	for (int d = 0; d < 2; d++) {
		l->spi[child][d] = draw(&w->random, 30) ? w->next_spi++
							: l->spi[draw(&w->random, CHILDREN)][d];
		l->seq[child][d] = 0;
	}
	if (draw(&w->random, 3))
		traffic(w, l);
	if (!fresh)
		exchange(w, l, by, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD, NP_DELETE,
			 LEN_DPD);
}

static void crossing(struct world *w, struct line *l, uint8_t type, uint8_t np1, uint8_t np1_answer)
{
	uint32_t id[2];

	for (int by = 0; by < 2; by++) {
		struct sk k = { .exchange = type, .np1 = np1,
		.id = id[by] = l->session.next_id[by]++, .by_initiator = by == 0,
				.length = LEN_CHILD };
		send_sk(w, l, &k);
		if (draw(&w->random, 2))
			tick(w);
	}
	for (int by = 0; by < 2; by++) {
		struct sk a = { .exchange = type,
				.np1 = np1_answer,
				.id = id[by],
				.response = true,
				.by_initiator = by != 0,
				.length = LEN_CHILD_OK };
		send_sk(w, l, &a);
		tick(w);
	}
}

static void old_protocol(struct world *w, struct line *l)
{
	struct session s = l->session;

	s.spi_i = w->next_ike++ * 0x200000003;
	s.spi_r = s.spi_i + 7;
	for (unsigned step = 1; step <= 6; step++)
		for (unsigned n = copies(w); n > 0; n--) {
			main_mode_step(&w->watch, &s, step);
			tick(w);
		}
	for (unsigned i = 0; i < 3; i++) {
		uint32_t id = 0x1000 + draw(&w->random, 1000), by = draw(&w->random, 2);

		for (unsigned step = 1; step <= 3; step++)
			for (unsigned n = copies(w); n > 0; n--) {
				quick_step(&w->watch, &s, (int)by, id, step);
				tick(w);
			}
		traffic(w, l);
		say1_sealed(&w->watch, &s, (int)by, IKE1_EXCHANGE_INFORMATIONAL, id + 5,
			    draw(&w->random, 2) ? LEN1_DPD : LEN1_DELETE_IKE, id);
	}
}

static void stranger(struct world *w)
{
	struct session s =
		session_between(draw(&w->random, 2) ? GW_A : 0x0a000000 + draw(&w->random, 40),
				GW_B, draw(&w->random, 50) + 1);
	struct peer from = { 0x0a000000 + draw(&w->random, 40),
			     (uint16_t)(draw(&w->random, 2) ? 4500
							    : 1024 + draw(&w->random, 100)) };

	switch (draw(&w->random, 6)) {
	case 0:
		esp_between(&w->watch, from.addr, GW_B, 0x20000000 + draw(&w->random, 100),
			    draw(&w->random, 60));
		break;
	case 1:
		say_init(&w->watch, &s, draw(&w->random, 2));
		break;
	case 2:
		say(&w->watch, &s, (int)draw(&w->random, 2), draw(&w->random, 2),
		    (uint8_t)(34 + draw(&w->random, 5)), draw(&w->random, 3),
		    (uint8_t)(33 + draw(&w->random, 10)), 100);
		break;
	case 3:
		esp_in_udp(&w->watch, from, (struct peer){ GW_B, 4500 },
			   0x30000000 + draw(&w->random, 100), draw(&w->random, 60));
		break;
	case 4: {	/* a known gateway, forged: its SPI, far ahead or with another port */
		struct line *l = &w->line[draw(&w->random, LINES)];
		int d = (int)draw(&w->random, 2);

		if (l->spi[0][d])
			esp_in_udp(&w->watch, (struct peer){ l->session.peer[d].addr, from.port },
				   l->session.peer[1 - d], l->spi[0][d],
				   l->seq[0][d] + draw(&w->random, 100000));
		break;
	}
	case 5: {	/* a known IKE SA from elsewhere */
		struct line *l = &w->line[draw(&w->random, LINES)];
		struct peer kept = l->session.peer[0];

		l->session.peer[0] = (struct peer){ from.addr, kept.port == 500 ? 500 : from.port };
		exchange(w, l, 0, IKE2_EXCHANGE_INFORMATIONAL, NP_NOTIFY, LEN_DPD, NP_NOTIFY,
			 LEN_DPD);
		if (draw(&w->random, 2))
			l->session.peer[0] = kept;
		break;
	}
	}
}

static void step(struct world *w)
{
	struct line *l = &w->line[draw(&w->random, LINES)];

	if (draw(&w->random, 12) == 0)
		stranger(w);
	if (!l->up || draw(&w->random, 40) == 0) {
		begin(w, l);
		return;
	}
	switch (draw(&w->random, 12)) {
	case 0:
		rekey(w, l);
		break;
	case 1:
		crossing(w, l, IKE2_EXCHANGE_CREATE_CHILD_SA, NP_NOTIFY, NP_SA);
		break;
	case 2:
		crossing(w, l, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE,
			 draw(&w->random, 2) ? NP_DELETE : NP_NONE);
		break;
	case 3: {
		int by = (int)draw(&w->random, 2);
		struct session next = rekey_ike(&w->watch, &l->session, by);

		if (draw(&w->random, 2))
			exchange(w, l, by, IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE, LEN_DPD, NP_NONE,
				 LEN_DPD);
		l->session = next;
		break;
	}
	case 4:
		exchange(w, l, (int)draw(&w->random, 2), IKE2_EXCHANGE_INFORMATIONAL, NP_NONE,
			 LEN_DPD, NP_NONE, LEN_DPD);
		break;
	case 5:
		exchange(w, l, (int)draw(&w->random, 2), IKE2_EXCHANGE_INFORMATIONAL, NP_DELETE,
			 LEN_DPD, NP_NONE, LEN_DPD);
		l->up = draw(&w->random, 3) == 0;	/* or it was another's Delete */
		break;
	case 6:
		old_protocol(w, l);
		break;
	default:
		traffic(w, l);
	}
}

static void live(struct world *w, uint64_t seed, struct hash_key key)
{
	static const uint32_t addr[LINES][2] = { { GW_A, GW_B }, { GW_A, GW_C }, { NAT, GW_B },
	{ NAT, GW_B }, { 0x0a000001, 0x0a000002 } };

	memset(w, 0, sizeof(*w));
	watch_init(&w->watch);
	w->random.state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w->next_spi = 0xc0000001;
	w->next_ike = 0x77;
	w->loss = draw(&w->random, 3) * 12;
	w->watch.key = key;
	w->watch.settings.tables_tunnels = 2 + draw(&w->random, 8);
	w->watch.settings.tables_ike_sas = 2 + draw(&w->random, 12);
	w->watch.settings.tables_child_sas = 2 + draw(&w->random, 20);
	w->watch.settings.tables_esp_sas = 4 + draw(&w->random, 30);
	watch_start(&w->watch);
	for (int i = 0; i < LINES; i++) {
		uint16_t port = i == 2 ? 31001 : i == 3 ? 31002 : 500;

		w->line[i].session.peer[0] = (struct peer){ addr[i][0], port };
		w->line[i].session.peer[1] = (struct peer){ addr[i][1], port == 500 ? 500 : 4500 };
	}
	for (int i = 0; i < STEPS; i++) {
		step(w);
		tick(w);
		if (draw(&w->random, 4) == 0)
			tracker_check(w->watch.tracker);
		if (draw(&w->random, 40) == 0)
			tracker_flush(w->watch.tracker);
		if (draw(&w->random, 60) == 0)
			idle(&w->watch, (nsec)draw(&w->random, 1000) * S);
	}
	watch_finish(&w->watch);
}

static unsigned number_from(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void any_life_leaves_tables_and_records_consistent(void **state)
{
	(void)state;
	static struct world w;
	unsigned first = number_from("TRACKER_SEED", 1), n = number_from("TRACKER_SEEDS", 700);

	for (unsigned seed = first; seed < first + n; seed++) {
		if (getenv("TRACKER_SEED"))
			print_message("seed %u\n", seed);
		live(&w, seed, (struct hash_key){ { 11, 22, 33, 44 } });
		watch_free(&w.watch);
	}
}

static void the_hash_key_shows_in_no_record_and_no_event(void **state)
{
	(void)state;
	static struct world w;

	for (unsigned seed = 5000; seed < 5100; seed++) {
		uint64_t digest[2];

		for (uint64_t k = 0; k < 2; k++) {
			live(&w, seed,
			     (struct hash_key){ { 5 + k * 999, 6, 7 + k * 12345678901, 8 } });
			digest[k] = w.watch.digest;
			watch_free(&w.watch);
		}
		assert_true(digest[0] == digest[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_life_leaves_tables_and_records_consistent),
		cmocka_unit_test(the_hash_key_shows_in_no_record_and_no_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
