/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The short cuts for plain ESP frames must not show: the same packets as plain
 * frames in batches, and in an envelope that only the long way opens, one by
 * one, lead to the same records and events, in the same order.
 */
#include "track/talk.h"

enum { PACKETS = 6000, SAS = 24, ENVELOPE = 16, PACKET_MAX = 160, WAYS = 5 };

struct told {
	nsec at;
	uint32_t length;
	uint8_t bytes[ENVELOPE + PACKET_MAX];	/* the envelope, "cooked" Linux, then the packet */
};

static uint32_t draw(uint64_t *state, uint32_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((*state >> 33) % below);
}

/* ESP as networks, gateways and attackers make it; AH and other traffic in between. */
static size_t make(struct told *told, uint64_t seed)
{
	uint32_t seq[SAS] = { 0 }, other[SAS] = { 0 }, forged[SAS] = { 0 };
	uint16_t port[SAS] = { 0 };
	nsec now = T0;
	uint64_t x = seed;
	static const nsec span[] = { 0, MS, MS, 2 * MS, 300 * MS };

	for (unsigned n = 0; n < PACKETS; n++) {
		unsigned i = draw(&x, SAS), size = 16 + draw(&x, 48);
		bool udp = i % 3 == 0, six = i % 5 == 4, ah = i % 8 == 7;
		uint8_t body[64] = { 0 };
		uint32_t shown;

		now += span[draw(&x, 40) ? draw(&x, 4) : 4];
		if (draw(&x, 700) == 0)
			now += (nsec)draw(&x, 4000) * S;
		if (draw(&x, 500) == 0)
			now -= (nsec)draw(&x, 5000) * MS;
		bool foreign = forged[i] > 0 && --forged[i] % 2;

		if (!foreign)
			seq[i] += draw(&x, 40) ? 1 : draw(&x, 100);
		if (draw(&x, 900) == 0)
			seq[i] = draw(&x, 2) ? 1 : 0xffffffe0;
		/* somebody plays back old packets, or guesses ahead, in between */
		if (forged[i] == 0 && draw(&x, 150) == 0) {
			forged[i] = 2 + draw(&x, 40);
			other[i] = draw(&x, 3) ? seq[i] - 1000 : seq[i] + 200000;
		}
		if (draw(&x, 300) == 0)
			port[i]++;
		shown = draw(&x, 30) ? seq[i] : seq[i] - draw(&x, 90);
		if (foreign)
			shown = other[i]++;
		put32(body, ah ? 0x04020000 : 0x5000 + i);
		put32(body + 4, ah ? 0x5000 + i : shown);
		put32(body + 8, shown);

		struct built b = built_from(body, size);

		if (udp)
			wrap_udp(&b, 4500, port[i] ? 20000 + port[i] : 4500);
		if (six)
			wrap_ipv6(&b, udp ? IP_UDP : ah ? IP_AH : IP_ESP, 1 + i / 2, 100 + i / 2);
		else
			wrap_ipv4(&b,
				  draw(&x, 50) ? udp  ? IP_UDP
						 : ah ? IP_AH
						      : IP_ESP
					       : 6,
				  i % 2 ? GW_A + i / 2 : GW_B + i / 2,
				  i % 2 ? GW_B + i / 2 : GW_A + i / 2);
		told[n] = (struct told){ .at = now, .length = (uint32_t)b.length };
		memset(told[n].bytes, 0, ENVELOPE);
		put16(told[n].bytes + 14, six ? 0x86dd : 0x0800);
		memcpy(told[n].bytes + ENVELOPE, built_data(&b), b.length);
	}
	return PACKETS;
}

static void replay(struct watch *w, const struct told *told, size_t n, bool plain, size_t batch)
{
	struct frame frames[64];
	uint64_t x = 5;

	for (size_t i = 0; i < n;) {
		size_t many = plain ? 1 + draw(&x, (uint32_t)batch) : 1, k = 0;

		for (; k < many && i + k < n && (k == 0 || (i + k) % 1000 != 0); k++) {
			const struct told *t = &told[i + k];
			uint32_t length = t->length + (plain ? 0 : ENVELOPE);

			frames[k] = (struct frame){ .at = t->at,
						    .number = i + k + 1,
						    .capture = 1,
						    .captured = length,
						    .length = length,
						    .link_type = plain ? LINK_RAW : LINK_LINUX_SLL,
						    .data = t->bytes + (plain ? ENVELOPE : 0) };
		}
		tracker_frames(w->tracker, frames, k);
		i += k;
		if (i % 1000 == 0)
			tracker_flush(w->tracker);
	}
}

/*
 * As another thread does it: prepared in blocks of any size, and the frames' bytes gone before the
 * tracker sees the block; numbers with holes are those that a filter leaves.
 */
static void replay_prepared(struct watch *w, const struct told *told, size_t n)
{
	enum { BLOCK = 200 };
	static struct prepared_frame list[BLOCK];
	static struct packet packets[BLOCK];
	static struct frame frames[BLOCK];
	/* as before a restart, whose key the tracker took over */
	static const struct hash_key of_another = { { 9, 8, 7, 6 } };
	uint64_t x = 7;

	for (size_t i = 0, many; i < n; i += many) {
		struct prepared p = { .list = list, .packets = packets };
		uint8_t *bytes[BLOCK], *kept;
		size_t size;

		many = 1 + draw(&x, BLOCK);
		if (many > 1000 - i % 1000)
			many = 1000 - i % 1000;
		for (size_t k = 0; k < many; k++) {
			const struct told *t = &told[i + k];

			bytes[k] = malloc(t->length);
			assert_non_null(bytes[k]);
			memcpy(bytes[k], t->bytes + ENVELOPE, t->length);
			frames[k] = (struct frame){ .at = t->at,
						    .number = i + k + 1,
						    .capture = 1,
						    .captured = t->length,
						    .length = t->length,
						    .link_type = LINK_RAW,
						    .data = bytes[k] };
		}
		prepare_frames(&p, draw(&x, 2) ? tracker_key(w->tracker) : &of_another, frames,
			       many);
		if (draw(&x, 2))
			prepared_for_another_core(&p);
		size = prepared_keep_bytes(&p, frames, NULL, 0);
		kept = malloc(size + 1);
		assert_non_null(kept);
		assert_int_equal(prepared_keep_bytes(&p, frames, kept, size), size);
		for (size_t k = 0; k < many; k++)
			free(bytes[k]);
		tracker_prepared(w->tracker, &p);
		free(kept);
		if ((i + many) % 1000 == 0)
			tracker_flush(w->tracker);
	}
}

/*
 * By no short cut at all: the frame itself is nobody's and only brings its time,
 * the packet comes behind it as reassembled ones do.
 */
static void replay_slowly(struct watch *w, const struct told *told, size_t n)
{
	static const uint8_t nobodys[ENVELOPE] = { [14] = 0x08, [15] = 0x06 };	/* ARP */

	for (size_t i = 0; i < n; i++) {
		struct frame f = { .at = told[i].at,
				   .number = i + 1,
				   .capture = 1,
				   .captured = ENVELOPE,
				   .length = ENVELOPE,
				   .link_type = LINK_LINUX_SLL,
				   .data = nobodys };
		struct packet p;

		tracker_frames(w->tracker, &f, 1);
		assert_int_equal(
			ip_parse(told[i].bytes + ENVELOPE, told[i].length, told[i].length, &p),
			LINK_PACKET);
		tracker_packet(w->tracker, &f, &p);
		if ((i + 1) % 1000 == 0)
			tracker_flush(w->tracker);
	}
}

static void the_short_way_tells_what_the_long_way_tells(void **state)
{
	struct told *told = calloc(PACKETS, sizeof(*told));

	(void)state;
	assert_non_null(told);
	for (uint64_t seed = 1; seed <= 4; seed++) {
		size_t n = make(told, seed);
		struct watch w[WAYS];
		struct tracker_counters c[WAYS];

		for (int way = 0; way < WAYS; way++) {
			watch_open(&w[way]);
			if (way < 3)
				replay(&w[way], told, n, way < 2, way == 0 ? 1 : 60);
			else if (way == 3)
				replay_slowly(&w[way], told, n);
			else
				replay_prepared(&w[way], told, n);
			tracker_check(w[way].tracker);
			tracker_finish(w[way].tracker, true);
			tracker_counters(w[way].tracker, &c[way]);
			c[way].bytes = c[way].not_ip = 0;	/* of the frames around them */
		}
		assert_true(w[0].count[EVENT_ESP_LATE] > 0 && w[0].count[EVENT_TRAFFIC] > 0 &&
			    w[0].count[EVENT_ESP_DUPLICATE] > 0 &&
			    w[0].count[EVENT_ADDRESS_MOVED] > 0);
		for (int way = 1; way < WAYS; way++) {
			assert_int_equal(w[way].digest, w[0].digest);
			assert_memory_equal(&c[way], &c[0], sizeof(c[0]));
		}
		for (int way = 0; way < WAYS; way++)
			watch_free(&w[way]);
	}
	free(told);
}

/*
 * Nothing but the table of SAs decides how fast a frame goes: batches never see a neighbour's
 * births.
 */
static void an_sa_born_in_a_batch_is_known_to_the_rest_of_it(void **state)
{
	struct watch w;
	struct frame frames[20];
	struct built b[20];

	(void)state;
	watch_open(&w);
	for (unsigned i = 0; i < 20; i++) {
		uint8_t esp[32] = { 0 };

		put32(esp, 0x7000);
		put32(esp + 4, i + 1);
		b[i] = built_from(esp, sizeof(esp));
		wrap_ipv4(&b[i], IP_ESP, GW_A, GW_B);
		frames[i] = (struct frame){ .at = T0 + i * MS,
					    .number = i + 1,
					    .capture = 1,
					    .captured = (uint32_t)b[i].length,
					    .length = (uint32_t)b[i].length,
					    .link_type = LINK_RAW,
					    .data = built_data(&b[i]) };
	}
	tracker_frames(w.tracker, frames, 20);

	const struct esp_sa *sa = esp_at(&w, 0x7000);

	assert_non_null(sa);
	assert_int_equal(sa->packets, 20);
	assert_int_equal(sa->seq_high, 20);
	assert_int_equal(sa->last_frame, 20);
	assert_int_equal(sa->last, T0 + 19 * MS);
	assert_int_equal(w.count[EVENT_ESP_SA_FIRST], 1);
	watch_close(&w);
}

/* Packet `seq` of one SPI between these: from its fourth on the fast way takes it. */
static void of_ends(struct watch *w, struct esp_ends ends, uint32_t seq)
{
	struct prepared_frame list = {
		.src = ends.src, .dst = ends.dst, .at = T0 + seq * MS, .spi = 0x7000, .seq = seq,
		.hash = esp_hash(w->tracker, &ends.src, &ends.dst, 0x7000, PROTOCOL_ESP,
				 ENCAP_NONE),
		.bytes = 100, .protocol = PROTOCOL_ESP, .encap = ENCAP_NONE,
		.tag = prepared_tag(PREPARED_ESP, 0),
	};
	struct frame f = { .at = list.at, .number = seq, .capture = 1, .captured = 60,
			   .length = 60, .link_type = LINK_RAW };

	tracker_prepared(w->tracker, &(struct prepared){ .list = &list, .frames = &f, .n = 1,
							 .capture = 1,
							 .key = *tracker_key(w->tracker) });
}

/* Those of IPv4 and IPv6 lie in different places: whoever has the same bits there is another. */
static void an_esp_sa_is_of_its_own_addresses_only_in_either_family(void **state)
{
	const struct addr v4 = addr_v4(GW_A), v4_too = addr_v4(GW_B), none = addr_v4(0);
	const struct esp_ends ends[] = {
		{ v4, v4_too }, { v4_too, v4 },
		{ { 0, v4.low & UINT32_MAX }, { 0, v4_too.low & UINT32_MAX } },
		{ { 1, v4.low }, { 1, v4_too.low } }, { v4, { 1, v4_too.low } },
		{ { 1, v4.low }, v4_too }, { none, none }, { { 0, 0 }, { 0, 0 } },
		{ { 1, 2 }, { 3, 4 } }, { { 3, 4 }, { 1, 2 } },
	};
	enum { N = sizeof(ends) / sizeof(ends[0]) };
	struct watch w;

	(void)state;
	watch_open(&w);
	for (uint32_t seq = 1; seq <= 20; seq++)
		for (unsigned i = 0; i < N; i++)
			of_ends(&w, ends[i], seq);
	for (unsigned i = 0; i < N; i++) {
		const struct esp_sa *sa = tracker_esp_sa(w.tracker, i);

		assert_non_null(sa);
		assert_int_equal(sa->packets, 20);

		struct esp_ends is = tracker_esp_ends(w.tracker, sa);

		assert_true(addr_equal(is.src, ends[i].src) && addr_equal(is.dst, ends[i].dst));
	}
	assert_null(tracker_esp_sa(w.tracker, N));
	/* each as if it had one of the others' records */
	for (unsigned i = 0; i < N; i++)
		for (unsigned k = 0; k < N; k++)
			assert_int_equal(esp_is_between(w.tracker, &w.tracker->esp_sas[i],
							&ends[k].src, &ends[k].dst), i == k);
	watch_close(&w);
}

static void an_esp_sa_begins_a_cache_line(void **state)
{
	struct watch w;

	(void)state;
	watch_open(&w);
	assert_int_equal((uintptr_t)w.tracker->esp_sas % 64, 0);
	assert_int_equal(sizeof(struct esp_sa), 128);
	/* what the fast path changes ends before */
	assert_int_equal(offsetof(struct esp_sa, src4), 64);
	watch_close(&w);
}

static void packet_time_is_the_latest_and_a_capture_has_its_own(void **state)
{
	static const nsec at[] = { 5 * S, 6 * S, 6 * S, 4 * S, 5 * S, 7 * S, 2 * S, 3 * S };
	struct tracker_counters c;
	struct watch w;

	(void)state;
	watch_open(&w);
	for (unsigned i = 0; i < 8; i++) {
		struct frame f = { .at = T0 + at[i],
				   .number = i + 1,
				   .capture = i < 6 ? 1 : 2,
				   .link_type = LINK_RAW };

		if (i == 6)
			tracker_counters_reset(w.tracker);
		tracker_frames(w.tracker, &f, 1);
		tracker_counters(w.tracker, &c);
		if (i == 5) {
			assert_int_equal(c.first, T0 + 4 * S);
			assert_int_equal(c.last, T0 + 7 * S);
		}
		assert_int_equal(tracker_now(w.tracker), T0 + (i == 0  ? 5 * S
							       : i < 5 ? 6 * S
								       : 7 * S));
	}
	assert_int_equal(c.first, T0 + 2 * S);
	assert_int_equal(c.last, T0 + 3 * S);
	watch_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_short_way_tells_what_the_long_way_tells),
		cmocka_unit_test(an_sa_born_in_a_batch_is_known_to_the_rest_of_it),
		cmocka_unit_test(packet_time_is_the_latest_and_a_capture_has_its_own),
		cmocka_unit_test(an_esp_sa_is_of_its_own_addresses_only_in_either_family),
		cmocka_unit_test(an_esp_sa_begins_a_cache_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
