/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

enum { FRAMES = 6 };

struct made {
	struct built built[FRAMES];
	struct frame frames[FRAMES];
	struct prepared_frame list[FRAMES];
	struct packet packets[FRAMES];
	struct prepared p;
};

static const struct hash_key key = { { 1, 2, 3, 4 } };

/* ESP, UDP of others, ICMP, a fragment, ESP in UDP, something cut. */
static void make(struct made *m)
{
	uint8_t esp[32] = { 0 }, other[40];

	memset(other, 0x5a, sizeof(other));
	put32(esp, 0x7000);
	put32(esp + 4, 9);
	for (int i = 0; i < FRAMES; i++)
		m->built[i] = i == 0 || i == 4 ? built_from(esp, sizeof(esp))
					       : built_from(other, sizeof(other));
	wrap_ipv4(&m->built[0], IP_ESP, GW_A, GW_B);
	wrap_udp(&m->built[1], 53, 1053);
	wrap_ipv4(&m->built[1], IP_UDP, GW_A, GW_B);
	wrap_ipv4(&m->built[2], IP_ICMP, GW_A, GW_B);
	wrap_ipv4(&m->built[3], IP_UDP, GW_A, GW_B);
	put16(built_data(&m->built[3]) + 6, 0x2000);	/* more fragments */
	wrap_udp(&m->built[4], 4500, 20000);
	wrap_ipv4(&m->built[4], IP_UDP, GW_B, GW_A);
	wrap_ipv4(&m->built[5], IP_ESP, GW_A, GW_B);
	for (unsigned i = 0; i < FRAMES; i++)
		m->frames[i] = (struct frame){ .at = T0 + i, .number = 7 + i, .capture = 3,
					       .captured = (uint32_t)m->built[i].length - (i == 5 ?
					       38 : 0),
					       .length = (uint32_t)m->built[i].length,
					       .link_type = LINK_RAW,
					       .data = built_data(&m->built[i]) };
	m->p = (struct prepared){ .list = m->list, .packets = m->packets };
	prepare_frames(&m->p, &key, m->frames, FRAMES);
}

static void each_frame_is_known_for_what_it_is(void **state)
{
	static const enum prepared_kind kinds[] = {
		PREPARED_ESP, PREPARED_OTHER, PREPARED_PACKET, PREPARED_FRAGMENT, PREPARED_ESP,
		PREPARED_NOTHING,
	};
	struct made m;
	uint64_t bytes = 0;

	(void)state;
	make(&m);
	for (int i = 0; i < FRAMES; i++) {
		assert_int_equal(prepared_kind(&m.list[i]), kinds[i]);
		assert_int_equal(m.list[i].at, T0 + i);
		bytes += m.frames[i].length;
	}
	assert_int_equal(m.p.bytes, bytes);
	assert_int_equal(m.p.counts.cut, 1);
	assert_int_equal(m.list[0].spi, 0x7000);
	assert_int_equal(m.list[0].seq, 9);
	assert_int_equal(m.list[0].bytes, 52);
	assert_int_equal(m.list[0].encap, ENCAP_NONE);
	assert_int_equal(m.list[4].encap, ENCAP_UDP);
	assert_int_equal(m.list[4].src_port, 4500);
	assert_int_equal(m.list[4].dst_port, 20000);
	assert_true(addr_equal(m.list[4].src, addr_v4(GW_B)));
	assert_true(addr_equal(m.packets[m.list[2].packet].dst, addr_v4(GW_B)));
	assert_int_equal(m.packets[m.list[2].packet].protocol, IP_ICMP);
	assert_true(m.packets[m.list[3].packet].more);
}

static void what_is_not_esp_outlives_the_bytes_of_its_frame(void **state)
{
	struct made m;
	size_t size;
	uint8_t *room;

	(void)state;
	make(&m);
	size = prepared_keep_bytes(&m.p, m.frames, NULL, 0);
	assert_int_equal(size, m.frames[1].captured + m.frames[2].captured + m.frames[3].captured);
	/* too little room: nothing was done */
	assert_ptr_equal(m.frames[2].data, built_data(&m.built[2]));
	room = malloc(size);
	assert_non_null(room);
	assert_int_equal(prepared_keep_bytes(&m.p, m.frames, room, size - 1), size);
	assert_ptr_equal(m.frames[2].data, built_data(&m.built[2]));
	assert_int_equal(prepared_keep_bytes(&m.p, m.frames, room, size), size);
	for (int i = 1; i <= 3; i++) {
		assert_memory_equal(m.frames[i].data, built_data(&m.built[i]),
				    m.frames[i].captured);
		assert_true(m.frames[i].data >= room &&
			    m.frames[i].data + m.frames[i].captured <= room + size);
	}

	const struct packet *icmp = &m.packets[m.list[2].packet];

	assert_ptr_equal(icmp->ip, m.frames[2].data);
	assert_ptr_equal(icmp->payload.at, m.frames[2].data + 20);
	assert_int_equal(icmp->payload.left, 40);
	assert_null(m.frames[0].data);	/* ESP was taken apart; its bytes are gone */
	free(room);
}

static void numbers_with_a_hole_are_not_in_a_row(void **state)
{
	struct made m;

	(void)state;
	make(&m);
	assert_false(m.p.in_row);	/* nobody looked */
	prepared_for_another_core(&m.p);
	assert_true(m.p.in_row);
	m.frames[4].number++;
	m.frames[5].number++;
	prepared_for_another_core(&m.p);
	assert_false(m.p.in_row);
	m.frames[4].number = 12;	/* sorted by time: first and last are as in a row */
	m.frames[3].number = 11;
	m.frames[2].number = 10;
	m.frames[5].number = 12;
	prepared_for_another_core(&m.p);
	assert_false(m.p.in_row);
}

/* 16 bits hold the length of a prepared ESP packet: a longer one goes the way of packets. */
static void esp_longer_than_any_ipv4_packet_keeps_its_length(void **state)
{
	uint8_t frame[60] = { 0x60, [6] = IP_ESP, [7] = 64, [43] = 5, [47] = 1 };
	struct watch w;

	(void)state;
	put16(frame + 4, 65530);
	put32(frame + 8, 0x20010db8);
	put32(frame + 24, 0x20010db9);
	watch_open(&w);
	for (uint32_t i = 1; i <= 4; i++) {
		struct frame f = { .at = T0 + i * MS,
				   .number = i,
				   .capture = 1,
				   .captured = sizeof(frame),
				   .length = 65570,
				   .link_type = LINK_IPV6,
				   .data = frame };

		frame[47] = (uint8_t)i;
		tracker_frames(w.tracker, &f, 1);
	}

	const struct esp_sa *sa = esp_at(&w, 5);

	assert_non_null(sa);
	assert_int_equal(sa->packets, 4);
	assert_int_equal(sa->bytes, 4 * 65570);
	watch_close(&w);
}

/* An IPv4 packet of this protocol with nothing useful in it. */
static struct built ip_packet(uint8_t protocol, size_t payload)
{
	uint8_t other[40];
	struct built b;

	memset(other, 0x5a, sizeof(other));
	b = built_from(other, payload);
	wrap_ipv4(&b, protocol, GW_A, GW_B);
	return b;
}

/* Prepared or not, a frame that gives nothing is counted once, and under the same name. */
static void what_gives_nothing_is_counted_for_its_reason(void **state)
{
	enum { REFUSED = 8 };
	struct built built[REFUSED];
	struct frame frames[REFUSED];
	uint8_t *exact[REFUSED];
	struct prepared_frame list[REFUSED];
	struct packet packets[REFUSED];
	struct prepared p = { .list = list, .packets = packets };
	struct tracker_counters told;
	struct watch w;

	(void)state;
	built[0] = ip_packet(IP_ESP, 4);	/* no room for its header, in the packet itself */
	built[1] = ip_packet(IP_AH, 6);
	built[2] = ip_packet(IP_TCP, 20);
	built_data(&built[2])[0] = 0x44;	/* a header of 16 bytes */
	built[3] = ip_packet(IP_TCP, 20);
	built_data(&built[3])[0] = 0x75;
	built[4] = ip_packet(IP_TCP, 20);
	for (int i = 0; i <= LINK_DEPTH_MAX; i++)
		wrap_ipv4(&built[4], IP_IPIP, GW_A, GW_B);
	built[5] = ip_packet(89, 20);		/* OSPF */
	built[6] = ip_packet(IP_TCP, 20);	/* of which 10 bytes were captured */
	built[7] = built_from((const uint8_t[14]){ [12] = 0x08, [13] = 0x06 }, 14);	/* ARP */
	for (unsigned i = 0; i < REFUSED; i++) {
		uint32_t captured = i == 6 ? 10 : (uint32_t)built[i].length;

		exact[i] = malloc(captured);
		assert_non_null(exact[i]);
		memcpy(exact[i], built_data(&built[i]), captured);
		frames[i] = (struct frame){ .at = T0 + i,
					    .number = 1 + i,
					    .capture = 1,
					    .captured = captured,
					    .length = (uint32_t)built[i].length,
					    .link_type = i == 7 ? LINK_ETHERNET : LINK_RAW,
					    .data = exact[i] };
	}
	prepare_frames(&p, &key, frames, REFUSED);
	for (unsigned i = 0; i < REFUSED; i++)
		assert_int_equal(prepared_kind(&list[i]), PREPARED_NOTHING);
	assert_int_equal(p.n_packets, 0);
	assert_int_equal(p.counts.malformed, 3);
	assert_int_equal(p.counts.unsupported, 1);
	assert_int_equal(p.counts.too_deep, 1);
	assert_int_equal(p.counts.other, 1);
	assert_int_equal(p.counts.cut, 1);
	assert_int_equal(p.counts.not_ip, 1);

	watch_open(&w);
	tracker_frames(w.tracker, frames, REFUSED);
	tracker_counters(w.tracker, &told);
	assert_int_equal(told.frames, REFUSED);
	assert_int_equal(told.malformed, 3);
	assert_int_equal(told.unsupported, 1);
	assert_int_equal(told.too_deep, 1);
	assert_int_equal(told.other, 1);
	assert_int_equal(told.cut, 1);
	assert_int_equal(told.not_ip, 1);
	watch_close(&w);
	for (unsigned i = 0; i < REFUSED; i++)
		free(exact[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_frame_is_known_for_what_it_is),
		cmocka_unit_test(what_is_not_esp_outlives_the_bytes_of_its_frame),
		cmocka_unit_test(numbers_with_a_hole_are_not_in_a_row),
		cmocka_unit_test(what_gives_nothing_is_counted_for_its_reason),
		cmocka_unit_test(esp_longer_than_any_ipv4_packet_keeps_its_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
