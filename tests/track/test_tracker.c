/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#if defined(__SANITIZE_ADDRESS__)
size_t __sanitizer_get_current_allocated_bytes(void);	/* its header is not packaged everywhere */
#endif

static const uint32_t spi[2] = { 0xc0000001, 0xc0000002 };

static void an_icmp_error_that_quotes_a_packet_is_no_packet(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	set_up(&w, &s);
	talk(&w, &s, spi, 1, 10, 10 * MS);
	uint8_t esp[16] = { 0 };

	put32(esp, spi[0]);
	put32(esp + 4, 11);
	struct built b = built_from(esp, sizeof(esp));

	wrap_ipv4(&b, IP_ESP, GW_A, GW_B);
	uint8_t *h = built_wrap(&b, 8);

	h[0] = 3, h[1] = 4;		/* fragmentation needed */
	put16(h + 6, 1400);
	wrap_ipv4(&b, IP_ICMP, 0x0a0000fe, GW_A);
	give(&w, &b);
	assert_int_equal(w.count[EVENT_ICMP_ERROR], 1);
	assert_int_equal(seen(&w, EVENT_ICMP_ERROR, 0)->value[2], 1400);
	assert_int_equal(seen(&w, EVENT_ICMP_ERROR, 0)->value[3], spi[0]);
	assert_int_equal(seen(&w, EVENT_ICMP_ERROR, 0)->side, 0);
	assert_int_equal(esp_at(&w, spi[0])->packets, 10);
	struct tracker_counters c;

	tracker_counters(w.tracker, &c);
	assert_int_equal(c.icmp_errors, 1);
	assert_int_equal(c.esp_packets, 20);
	assert_int_equal(tunnels_living(&w), 1);
	watch_close(&w);
}

static void esp_is_recognised_on_ports_where_marked_ike_was_seen(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	s.peer[0].port = 14500;
	s.peer[1].port = 24500;
	esp_in_udp(&w, s.peer[0], s.peer[1], spi[0], 1);
	assert_null(esp_at(&w, spi[0]));	/* it could be anything */
	set_up(&w, &s);
	esp_in_udp(&w, s.peer[0], s.peer[1], spi[0], 2);
	assert_non_null(esp_at(&w, spi[0]));
	esp_in_udp(&w, (struct peer){ GW_C, 14500 }, s.peer[1], 0xc0000009, 1);
	assert_null(esp_at(&w, 0xc0000009));	/* of no tunnel that we know */
	watch_close(&w);
}

static void a_keepalive_is_no_traffic(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(NAT, GW_B, 0x11);

	watch_open(&w);
	s.peer[0].port = 31001;
	s.peer[1].port = 4500;
	set_up(&w, &s);
	give_udp(&w, s.peer[0], s.peer[1], "\xff", 1);
	assert_int_equal(w.count[EVENT_KEEPALIVE], 1);
	assert_int_equal(seen(&w, EVENT_KEEPALIVE, 0)->side, 0);
	struct tracker_counters c;

	tracker_counters(w.tracker, &c);
	assert_int_equal(c.keepalives, 1);
	assert_int_equal(c.esp_packets, 0);
	watch_close(&w);
}

/* ---- the captures of the lab ---------------------------------------------------- */

#define LAB TEST_SOURCE_DIR "/../shared/captures/lab"

struct file {
	struct frame *frame;
	size_t n;
	uint8_t *bytes;
};

static uint32_t little(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static bool file_read(struct file *ret, const char *path)
{
	FILE *f = fopen(path, "rb");

	*ret = (struct file){ 0 };
	if (!f)
		return false;
	fseek(f, 0, SEEK_END);
	size_t size = (size_t)ftell(f);

	rewind(f);
	ret->bytes = malloc(size);
	assert_int_equal(fread(ret->bytes, 1, size, f), size);
	fclose(f);
	bool fine = little(ret->bytes) == 0xa1b23c4d;

	assert_true(fine || little(ret->bytes) == 0xa1b2c3d4);
	ret->frame = malloc((size / 16 + 1) * sizeof(*ret->frame));
	for (size_t at = 24; at + 16 <= size;) {
		const uint8_t *r = ret->bytes + at;

		ret->frame[ret->n] = (struct frame){
			.at = (nsec)little(r) * S + (nsec)little(r + 4) * (fine ? 1 : 1000),
			.number = ret->n + 1, .capture = 1,
			.captured = little(r + 8), .length = little(r + 12),
			.link_type = (uint16_t)little(ret->bytes + 20),
			.data = r + 16 };
		ret->n++;
		at += 16 + (size_t)little(r + 8);
	}
	return true;
}

static void file_free(struct file *f)
{
	free(f->bytes);
	free(f->frame);
}

static unsigned each_capture_in(const char *name, void (*what)(const struct file *f))
{
	DIR *folder = opendir(name);
	unsigned n = 0;

	if (!folder)
		return 0;
	for (struct dirent *e; (e = readdir(folder));) {
		size_t length = strlen(e->d_name);
		char path[512];
		struct file f;

		if (length < 5 || strcmp(e->d_name + length - 5, ".pcap") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", name, e->d_name);
		assert_true(file_read(&f, path));
		what(&f);
		file_free(&f);
		n++;
	}
	closedir(folder);
	return n;
}

/* Those of the tree, and the laboratory's where they are at hand. */
static void each_capture(void (*what)(const struct file *f))
{
	assert_true(each_capture_in(TEST_SOURCE_DIR "/pcaps", what) >= 10);
	each_capture_in(LAB, what);
}

static void ends_anywhere(const struct file *f)
{
	for (size_t part = 0; part <= 8; part++) {
		size_t n = f->n * part / 8;
		struct watch w;

		watch_init(&w);
		w.forgetful = true;
		watch_start(&w);
		tracker_frames(w.tracker, f->frame, n);
		watch_close(&w);
	}
}

static void consistent_after_each_frame(const struct file *f)
{
	struct watch w;
	size_t n = f->n < 400 ? f->n : 400;

	watch_init(&w);
	w.forgetful = true;
	watch_start(&w);
	for (size_t i = 0; i < n; i++) {
		tracker_frames(w.tracker, f->frame + i, 1);
		tracker_check(w.tracker);
	}
	watch_close(&w);
}

static void any_capture_may_end_at_any_frame(void **state)
{
	(void)state;
	each_capture(ends_anywhere);
	each_capture(consistent_after_each_frame);
}

static uint64_t digest_of(const struct file *f, uint64_t key, size_t batch)
{
	struct watch w;
	uint64_t digest;

	watch_init(&w);
	w.key = (struct hash_key){ { key, key * 7 + 1, key * 13 + 5, key * 17 + 9 } };
	watch_start(&w);
	for (size_t i = 0; i < f->n; i += batch)
		tracker_frames(w.tracker, f->frame + i, batch < f->n - i ? batch : f->n - i);
	watch_finish(&w);
	digest = w.digest;
	watch_free(&w);
	return digest;
}

static void same_answer(const struct file *f)
{
	uint64_t digest = digest_of(f, 1, 1);

	assert_true(digest == digest_of(f, 0xfedcba9876543210, 32));
	assert_true(digest == digest_of(f, 42, 7));
}

static void neither_hash_key_nor_batches_show_in_the_answer(void **state)
{
	(void)state;
	each_capture(same_answer);
}

/* What is told lies far in the past or future, or its order is broken: nothing must break. */
static void out_of_order(const struct file *f)
{
	struct watch w;
	uint64_t x = 5;

	watch_init(&w);
	w.forgetful = true;
	watch_start(&w);
	for (size_t i = 0; i < f->n; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		size_t other = i + (x >> 40) % 12;

		tracker_frames(w.tracker, &f->frame[other < f->n ? other : i], 1);
		if (i % 64 == 0)
			tracker_check(w.tracker);
	}
	watch_close(&w);
}

static void frames_may_come_out_of_order_and_more_than_once(void **state)
{
	(void)state;
	each_capture(out_of_order);
}

/* ---- memory ----------------------------------------------------------------------- */

static size_t allocated(void)
{
#if defined(__SANITIZE_ADDRESS__)
	return __sanitizer_get_current_allocated_bytes();
#else
	return mallinfo2().uordblks;
#endif
}

static void after_its_start_the_tracker_takes_no_memory(void **state)
{
	(void)state;
	static uint8_t room[256][128];
	static struct frame frames[256];
	const struct tracker_handler handler = { 0 };
	const struct hash_key key = { { 1, 2, 3, 4 } };
	struct settings settings;
	uint64_t x = 1;

	settings_defaults(&settings);
	settings.tables_tunnels = 64;
	settings.tables_ike_sas = 256;
	settings.tables_child_sas = 512;
	settings.tables_esp_sas = 1024;
	struct tracker *t = tracker_new(&settings, &key, &handler);

	assert_non_null(t);
	size_t before = allocated();

	for (unsigned round = 0; round < 200; round++) {
		for (unsigned i = 0; i < 256; i++) {
			struct built b;

			x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
			if (i % 2) {
				const struct session s =
					session_between((uint32_t)(x >> 50), GW_B, x);
				struct build m = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT,
							   IKE2_FLAG_INITIATOR, 0);

				put_spis(&m, s.spi_i, 0);
				put_sa2_alone(&m);
				ike_end(&m);
				b = built_from(m.bytes, m.length);
				wrap_udp(&b, 500, 500);
				wrap_ipv4(&b, IP_UDP, s.peer[0].addr, GW_B);
			} else {
				b = built_esp();
				put32(built_data(&b), (uint32_t)(x >> 32) | 1);
				wrap_ipv4(&b, IP_ESP, (uint32_t)(x >> 56), GW_B);
			}
			assert_true(b.length <= sizeof(room[0]));
			memcpy(room[i], built_data(&b), b.length);
			frames[i] = (struct frame){ .at = T0 + (nsec)(round * 256 + i) * 10 * MS,
						    .number = round * 256 + i + 1,
						    .capture = 1,
						    .captured = (uint32_t)b.length,
						    .length = (uint32_t)b.length,
						    .link_type = LINK_RAW,
						    .data = room[i] };
		}
		tracker_frames(t, frames, 256);
	}
	tracker_finish(t, true);
	assert_int_equal(allocated(), before);
	tracker_free(t);
}

static void memory_that_is_short_at_the_start_is_told(void **state)
{
	(void)state;
	const struct tracker_handler handler = { 0 };
	const struct hash_key key = { { 1, 2, 3, 4 } };
	struct settings settings;

	settings_defaults(&settings);
	tracker_free(NULL);
	settings.tables_tunnels = settings.tables_ike_sas = settings.tables_child_sas =
		settings.tables_esp_sas = 1;
	struct tracker *t = tracker_new(&settings, &key, &handler);

	assert_non_null(t);
	tracker_free(t);
}

static void what_time_decides_comes_also_without_packets(void **state)
{
	(void)state;
	struct watch live, file;
	struct session s = session_between(GW_A, GW_B, 0x11);

	for (int i = 0; i < 2; i++) {
		struct watch *w = i ? &file : &live;

		watch_open(w);
		struct session copy = s;

		set_up(w, &copy);
		talk(w, &copy, spi, 1, 50, 100 * MS);
		delete_ike(w, &copy, 0);
		for (int second = 0; second < 120; second++)
			if (i == 0)
				idle(w, S);
			else
				pass(w, S);
		copy = session_between(GW_A, GW_B, 0x22);
		set_up(w, &copy);
		watch_finish(w);
	}
	assert_true(live.digest == file.digest);
	watch_free(&live);
	watch_free(&file);
}

/*
 * A whole packet, as reassembly makes it, of which `captured` bytes were seen behind its IP header.
 */
static void give_whole(struct watch *w, uint8_t protocol, const void *payload, size_t captured,
		       size_t length)
{
	struct built b = built_from(payload, length);
	struct frame f = { .at = w->now, .number = ++w->frames, .capture = 1 };
	struct packet p;

	wrap_ipv4(&b, protocol, GW_A, GW_B);
	uint8_t *exact = malloc(20 + captured);

	assert_non_null(exact);
	memcpy(exact, built_data(&b), 20 + captured);
	assert_int_equal(ip_parse(exact, (uint32_t)(20 + captured), (uint32_t)(20 + length), &p),
			 LINK_PACKET);
	tracker_packet(w->tracker, &f, &p);
	free(exact);
}

/* One byte too few was captured: cut.  One byte too few was sent: malformed. */
static void a_header_that_is_not_whole_is_counted_for_its_reason(void **state)
{
	(void)state;
	static const uint8_t esp[8] = { 0xc0, 0, 0, 1, 0, 0, 0, 1 },
	ah[24] = { 50, 4, [4] = 0xc0, [7] = 1, [11] = 1 };
	static const uint8_t udp[8] = { 0x01, 0xf4, 0x01, 0xf4, 0, 8 },
	tcp[20] = { 0x11, 0x94, 0x11, 0x94, [12] = 0x50 };
	static const struct { uint8_t protocol; const uint8_t *bytes; size_t header; } of[] = {
		{ IP_ESP, esp, 8 }, { IP_AH, ah, 12 }, { IP_UDP, udp, 8 }, { IP_TCP, tcp, 4 },
	};
	struct watch w;
	struct tracker_counters c;

	watch_open(&w);
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		give_whole(&w, of[i].protocol, of[i].bytes, of[i].header - 1, of[i].header);
		tracker_counters(w.tracker, &c);
		assert_int_equal(c.cut, i + 1);
		assert_int_equal(c.malformed, i);
		give_whole(&w, of[i].protocol, of[i].bytes, of[i].header - 1, of[i].header - 1);
		tracker_counters(w.tracker, &c);
		assert_int_equal(c.cut, i + 1);
		assert_int_equal(c.malformed, i + 1);
	}
	assert_int_equal(tunnels_living(&w), 0);
	/* nothing of ours; nor is a stream that nobody follows */
	give_whole(&w, 89, esp, 8, 8);
	give_whole(&w, IP_TCP, tcp, 20, 20);
	tracker_counters(w.tracker, &c);
	assert_int_equal(c.other, 2);
	watch_close(&w);
}

/* RTP to port 500: now and then it has a version of IKE where that would be, and never a length. */
static void what_only_came_to_the_port_of_ike_is_no_message(void **state)
{
	(void)state;
	struct watch w;
	struct tracker_counters c;
	uint8_t rtp[172] = { 0x80, 0x60, [11] = 0xa0, [13] = 0x10 };

	watch_open(&w);
	for (unsigned i = 0; i < 256; i++) {
		rtp[3] = (uint8_t)i;
		rtp[17] = (uint8_t)i;
		rtp[18] = (uint8_t)(i * 11);
		rtp[24] = (uint8_t)(1 + i % 255);
		give_udp(&w, (struct peer){ GW_A, 16384 }, (struct peer){ GW_B, 500 }, rtp,
			 sizeof(rtp));
	}
	tracker_counters(w.tracker, &c);
	assert_int_equal(c.malformed, 256);
	assert_int_equal(c.ike_messages, 0);
	assert_int_equal(w.n_events, 0);
	assert_int_equal(tunnels_living(&w), 0);
	watch_close(&w);
}

/*
 * ICMP about a tunnel that nobody knows, a keepalive of one, a missing fragment: nothing is made of
 * them.
 */
static void what_is_about_an_unknown_tunnel_makes_none(void **state)
{
	(void)state;
	struct watch w;
	uint8_t esp[16] = { 0xc0, [3] = 1, [7] = 1 };
	struct built b = built_from(esp, sizeof(esp));
	struct packet p = { .src = addr_v4(GW_A), .dst = addr_v4(GW_B), .protocol = IP_UDP };

	watch_open(&w);
	wrap_ipv4(&b, IP_ESP, GW_A, GW_B);
	uint8_t *h = built_wrap(&b, 8);

	h[0] = 3, h[1] = 4;
	wrap_ipv4(&b, IP_ICMP, 0x0a0000fe, GW_A);
	give(&w, &b);
	give_udp(&w, (struct peer){ GW_A, 4500 }, (struct peer){ GW_B, 4500 }, "\xff", 1);
	tracker_fragment_missing(w.tracker, w.now, &p, 1);
	assert_int_equal(w.n_events, 0);
	assert_int_equal(tunnels_living(&w), 0);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_icmp_error_that_quotes_a_packet_is_no_packet),
		cmocka_unit_test(esp_is_recognised_on_ports_where_marked_ike_was_seen),
		cmocka_unit_test(a_header_that_is_not_whole_is_counted_for_its_reason),
		cmocka_unit_test(what_is_about_an_unknown_tunnel_makes_none),
		cmocka_unit_test(what_only_came_to_the_port_of_ike_is_no_message),
		cmocka_unit_test(a_keepalive_is_no_traffic),
		cmocka_unit_test(any_capture_may_end_at_any_frame),
		cmocka_unit_test(neither_hash_key_nor_batches_show_in_the_answer),
		cmocka_unit_test(frames_may_come_out_of_order_and_more_than_once),
		cmocka_unit_test(after_its_start_the_tracker_takes_no_memory),
		cmocka_unit_test(memory_that_is_short_at_the_start_is_told),
		cmocka_unit_test(what_time_decides_comes_also_without_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
