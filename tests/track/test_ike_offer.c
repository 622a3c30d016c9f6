/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "track/talk.h"

/* RFC 7296 2.23: SHA-1 of SPIi 0x11, SPIr, address, port 500; made with another implementation. */
enum {
	SRC_TRUE, SRC_INSIDE, DST_TRUE, ANSWER_SRC_TRUE, ANSWER_DST_TRUE, NEXT_SRC_TRUE,
	NEXT_DST_TRUE, FALSE_HASH,
};
static const uint8_t nat_hash[][20] = {
	[SRC_TRUE] = { 0xd2, 0x94, 0xdb, 0xfc, 0x03, 0xcb, 0x2a, 0xd7, 0xb2, 0x41,
		0x84, 0x68, 0xc1, 0x5d, 0x3b, 0x74, 0xf8, 0x97, 0x0b, 0x4c },
	[SRC_INSIDE] = { 0x7a, 0xfc, 0x3f, 0x01, 0x01, 0xf8, 0x68, 0x8a, 0x3f, 0xc6,
		0x7c, 0x43, 0x1f, 0x8d, 0xa3, 0x35, 0x5a, 0xc7, 0x2d, 0x07 },
	[DST_TRUE] = { 0x4a, 0xc8, 0xcd, 0xe8, 0x0d, 0xb2, 0x35, 0x4d, 0xbe, 0x0c,
		0xa5, 0xa3, 0x27, 0x9b, 0xef, 0x08, 0xca, 0xdc, 0x47, 0x58 },
	[ANSWER_SRC_TRUE] = { 0x79, 0x0f, 0x0c, 0xff, 0xe9, 0x9d, 0x0a, 0x14, 0x9b, 0x33,
		0x35, 0xb7, 0xd1, 0x05, 0xae, 0x6a, 0x3d, 0x65, 0xe1, 0xc9 },
	[ANSWER_DST_TRUE] = { 0x1b, 0xe5, 0x6b, 0xd2, 0xf9, 0xff, 0xe5, 0xa5, 0x09, 0x82,
		0x0d, 0x8d, 0x7e, 0x97, 0xb0, 0x80, 0x4a, 0xf9, 0xff, 0xa1 },
	/* the same of SPIi 0x12 */
	[NEXT_SRC_TRUE] = { 0x95, 0x9b, 0xd2, 0x29, 0xb2, 0x09, 0x27, 0xcc, 0x62, 0x84,
		0x68, 0x27, 0x82, 0x83, 0x95, 0xa0, 0x37, 0x76, 0x4b, 0xbf },
	[NEXT_DST_TRUE] = { 0x04, 0x21, 0x72, 0xe8, 0x9c, 0xe5, 0x76, 0x0b, 0x18, 0xd4,
		0xa4, 0xbe, 0x4a, 0x15, 0x16, 0x79, 0x69, 0x2a, 0x86, 0xa7 },
	[FALSE_HASH] = { 0 },
};

static void hello(struct watch *w, const struct session *s, bool response, int source,
		  int destination)
{
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT,
				   response ? IKE2_FLAG_RESPONSE : IKE2_FLAG_INITIATOR, 0);

	put_spis(&b, s->spi_i, response ? s->spi_r : 0);
	put_suite2(&b);
	put_notify2(&b, 0, IKE2_NOTIFY_NAT_DETECTION_SOURCE_IP, nat_hash[source], 20);
	put_notify2(&b, 0, IKE2_NOTIFY_NAT_DETECTION_DESTINATION_IP, nat_hash[destination], 20);
	begin_payload(&b, IKE2_PAYLOAD_VENDOR_ID);
	put_text(&b, response ? "RESPONDER" : "\x1b[31mINITIATOR");
	ike_end(&b);
	give_ike(w, s->peer[response], s->peer[!response], &b);
}

static void without_a_nat_all_hashes_fit(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	hello(&w, &s, false, SRC_TRUE, DST_TRUE);
	pass(&w, RTT);
	hello(&w, &s, true, ANSWER_SRC_TRUE, ANSWER_DST_TRUE);
	assert_int_equal(ike_at(&w, 0x11)->nat[0], 0);
	assert_int_equal(ike_at(&w, 0x11)->nat[1], 0);
	assert_int_equal(tunnel_at(&w, 0)->behind_nat[0], 0);
	assert_int_equal(w.count[EVENT_NAT_FOUND], 0);
	watch_close(&w);
}

static void an_inside_address_in_the_hash_shows_the_nat_of_its_sender(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	hello(&w, &s, false, SRC_INSIDE, DST_TRUE);
	assert_int_equal(ike_at(&w, 0x11)->nat[0], 1);
	assert_int_equal(ike_at(&w, 0x11)->nat[1], 0);
	assert_int_equal(w.count[EVENT_NAT_FOUND], 1);
	assert_int_equal(seen(&w, EVENT_NAT_FOUND, 0)->side, 0);
	pass(&w, RTT);
	hello(&w, &s, true, ANSWER_SRC_TRUE, ANSWER_DST_TRUE);
	/* the answer knows the outside address only */
	assert_int_equal(ike_at(&w, 0x11)->nat[0], 1);
	assert_int_equal(w.count[EVENT_NAT_FOUND], 1);
	watch_close(&w);
}

static void a_peer_behind_a_nat_is_told_once_and_not_with_each_new_ike_sa(void **state)
{
	(void)state;
	struct watch w;
	struct session first = session_between(GW_A, GW_B, 0x11),
		       next = session_between(GW_A, GW_B, 0x12);

	watch_open(&w);
	/*
	 * the initiator's hash of the responder's address fits, as it does outside of the NAT; the
	 * responder's own does not
	 */
	hello(&w, &first, false, SRC_TRUE, DST_TRUE);
	pass(&w, RTT);
	hello(&w, &first, true, FALSE_HASH, ANSWER_DST_TRUE);
	assert_int_equal(w.count[EVENT_NAT_FOUND], 1);
	assert_int_equal(tunnel_at(&w, 0)->behind_nat[1], 1);
	pass(&w, 60 * S);
	hello(&w, &next, false, NEXT_SRC_TRUE, NEXT_DST_TRUE);
	assert_int_equal(ike_at(&w, 0x12)->nat[1], 0);		/* as far as this message goes */
	assert_int_equal(tunnel_at(&w, 0)->behind_nat[1], 1);
	pass(&w, RTT);
	hello(&w, &next, true, FALSE_HASH, FALSE_HASH);
	assert_int_equal(tunnel_at(&w, 0)->behind_nat[1], 1);
	assert_int_equal(seen(&w, EVENT_NAT_FOUND, 0)->side, 1);
	assert_int_equal(w.count[EVENT_NAT_FOUND], 2);		/* and the initiator, now */
	watch_close(&w);
}

static void the_answer_names_the_suite_and_the_request_what_was_offered(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_INITIATOR, 0);

	watch_open(&w);
	put_spis(&b, s.spi_i, 0);
	put_sa2_alone(&b);
	ike_end(&b);
	give_ike(&w, s.peer[0], s.peer[1], &b);
	assert_int_equal(ike_at(&w, 0x11)->encr, 0);		/* nothing chosen yet */
	assert_int_equal(ike_at(&w, 0x11)->n_transforms, 1);
	assert_int_equal(ike_at(&w, 0x11)->offer_frame, 1);
	pass(&w, RTT);
	say_init(&w, &s, true);
	assert_int_equal(ike_at(&w, 0x11)->encr, 12);
	assert_int_equal(ike_at(&w, 0x11)->n_transforms, 1);
	/* AES-CBC with SHA2-256: header 28, SK 4, IV 16, ICV 16, two blocks */
	assert_int_equal(ike_at(&w, 0x11)->error_bytes_max, 96);
	watch_close(&w);
}

static void vendors_are_kept_once_and_only_so_many(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);

	watch_open(&w);
	for (int i = 0; i < 3; i++) {
		hello(&w, &s, false, SRC_TRUE, DST_TRUE);
		pass(&w, 4 * S);
	}
	assert_int_equal(ike_at(&w, 0x11)->n_vendors, 1);
	assert_int_equal(ike_at(&w, 0x11)->vendors[0].side, 0);
	assert_string_equal(ike_at(&w, 0x11)->vendors[0].hex, "1b5b33316d494e49544941544f52");
	for (uint64_t i = 0; i < 20; i++) {
		struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_INITIATOR, 0);

		put_spis(&b, s.spi_i, 0);
		put_suite2(&b);
		begin_payload(&b, IKE2_PAYLOAD_VENDOR_ID);
		put_noise(&b, i, 24);
		ike_end(&b);
		give_ike(&w, s.peer[0], s.peer[1], &b);
		pass(&w, S);
	}
	assert_int_equal(ike_at(&w, 0x11)->n_vendors, TRACK_VENDORS_MAX);
	assert_int_equal(strlen(ike_at(&w, 0x11)->vendors[7].hex), 32);	/* of 16 bytes */
	watch_close(&w);
}

/*
 * The responder's choice: one encryption alone, as an AEAD suite is, or what nobody has a name for.
 */
static void choose(struct watch *w, uint64_t spi_i, uint16_t encryption)
{
	struct session s = session_between(GW_A, GW_B, spi_i);
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_RESPONSE, 0);

	say_init(w, &s, false);
	pass(w, RTT);
	put_spis(&b, s.spi_i, s.spi_r);
	begin_payload(&b, IKE2_PAYLOAD_SA);
	size_t proposal = begin_substructure(&b);

	put_number(&b, 0x01010001, 4);
	size_t transform = begin_substructure(&b);

	put_number(&b, 0x01000000u | encryption, 4);
	end_substructure(&b, transform);
	end_substructure(&b, proposal);
	ike_end(&b);
	give_ike(w, s.peer[1], s.peer[0], &b);
	pass(w, S);
}

/*
 * What an error answer can be long at most depends on it: without a known cipher no answer passes
 * for an error.
 */
static void the_cipher_says_how_long_an_error_can_be(void **state)
{
	(void)state;
	struct watch w;

	watch_open(&w);
	choose(&w, 0x11, IKE2_ENCR_AES_GCM_16);
	choose(&w, 0x12, IKE2_ENCR_3DES);
	choose(&w, 0x13, 999);
	assert_int_equal(ike_at(&w, 0x11)->error_bytes_max, 28 + 4 + 8 + 16 + 24);
	assert_int_equal(ike_at(&w, 0x12)->error_bytes_max, 28 + 4 + 8 + 2 * 8);
	assert_int_equal(ike_at(&w, 0x13)->error_bytes_max, 0);
	watch_close(&w);
}

/* More than a record holds: the first ones are kept, and nothing is written beyond them. */
static void of_a_hundred_transforms_the_first_are_kept(void **state)
{
	(void)state;
	struct watch w;
	struct session s = session_between(GW_A, GW_B, 0x11);
	struct build b = ike_begin(2, IKE2_EXCHANGE_IKE_SA_INIT, IKE2_FLAG_INITIATOR, 0);
	const unsigned room = TRACK_TRANSFORMS_MAX;

	watch_open(&w);
	put_spis(&b, s.spi_i, 0);
	begin_payload(&b, IKE2_PAYLOAD_SA);
	size_t proposal = begin_substructure(&b);

	put_number(&b, 0x01010000 + room + 4, 4);
	for (unsigned i = 0; i < room + 4; i++) {
		size_t transform = begin_substructure(&b);

		if (i < room + 3)
			b.bytes[transform] = 3;
		put_number(&b, 0x04000000u | (100 + i), 4);
		end_substructure(&b, transform);
	}
	end_substructure(&b, proposal);
	ike_end(&b);
	give_ike(&w, s.peer[0], s.peer[1], &b);
	assert_int_equal(ike_at(&w, 0x11)->n_transforms, room);
	assert_int_equal(ike_at(&w, 0x11)->transforms[room - 1].id, 100 + room - 1);
	watch_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_nat_all_hashes_fit),
		cmocka_unit_test(an_inside_address_in_the_hash_shows_the_nat_of_its_sender),
		cmocka_unit_test(a_peer_behind_a_nat_is_told_once_and_not_with_each_new_ike_sa),
		cmocka_unit_test(the_answer_names_the_suite_and_the_request_what_was_offered),
		cmocka_unit_test(the_cipher_says_how_long_an_error_can_be),
		cmocka_unit_test(of_a_hundred_transforms_the_first_are_kept),
		cmocka_unit_test(vendors_are_kept_once_and_only_so_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
