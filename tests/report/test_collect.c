/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "report/collect.h"
#include "report/samples.h"

static void ages_at_rekey_have_the_median_of_all_and_of_each_side(void **state)
{
	static const int64_t ages[] = { 60, 58, 62, 61 };
	struct collection c;

	(void)state;
	collection_init(&c);

	struct record_sink sink = collection_sink(&c);
	struct record_tunnel tunnel = sample_tunnel(1);

	sink.tunnel(sink.user, &tunnel);
	for (size_t i = 0; i < 4; i++) {
		struct record_child_sa child = sample_child_sa(1);

		child.rekeyed_by = i < 3;
		child.rekey_at = child.created + ages[i] * NSEC_PER_S;
		sink.child_sa(sink.user, &child);
	}

	struct age_summary one = ages_summary(c.tunnels[0].child_ages, 1);
	struct age_summary all = ages_summary(c.tunnels[0].child_ages, SIDES);

	assert_int_equal(one.n, 3);
	assert_int_equal(one.min, 58 * NSEC_PER_S);
	assert_int_equal(one.median, 60 * NSEC_PER_S);
	assert_int_equal(one.max, 62 * NSEC_PER_S);
	assert_int_equal(all.n, 4);
	assert_int_equal(all.median, 60 * NSEC_PER_S + NSEC_PER_S / 2);
	assert_null(c.tunnels[0].ike);
	collection_done(&c);
}

static void an_sa_that_was_not_rekeyed_adds_no_age(void **state)
{
	struct collection c;

	(void)state;
	collection_init(&c);

	struct record_sink sink = collection_sink(&c);
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_child_sa child = sample_child_sa(1);

	child.end_reason = END_DELETED;
	child.rekey_at = NSEC_NONE;
	sink.tunnel(sink.user, &tunnel);
	sink.child_sa(sink.user, &child);
	assert_int_equal(ages_summary(c.tunnels[0].child_ages, SIDES).n, 0);
	assert_int_equal(c.tunnels[0].child_sas, 1);
	collection_done(&c);
}

static void an_sa_older_than_the_capture_adds_no_age(void **state)
{
	struct collection c;

	(void)state;
	collection_init(&c);

	struct record_sink sink = collection_sink(&c);
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_child_sa child = sample_child_sa(1);
	struct record_ike_sa ike = sample_ike_sa(1);

	child.created_how = CREATED_UNKNOWN;
	ike.origin = ORIGIN_MIDSTREAM;
	ike.end_reason = END_REKEYED;
	ike.ended = AT(60);
	sink.tunnel(sink.user, &tunnel);
	sink.child_sa(sink.user, &child);
	sink.ike_sa(sink.user, &ike);
	assert_int_equal(ages_summary(c.tunnels[0].child_ages, SIDES).n, 0);
	assert_int_equal(ages_summary(c.tunnels[0].ike->ages, SIDES).n, 0);
	assert_int_equal(c.tunnels[0].ike->rekeyed, 1);
	collection_done(&c);
}

static void records_of_a_tunnel_that_was_not_given_are_left_out(void **state)
{
	struct collection c;

	(void)state;
	collection_init(&c);

	struct record_sink sink = collection_sink(&c);
	struct record_esp_sa esp = sample_esp_sa(9);
	struct record_ike_sa ike = sample_ike_sa(9);
	struct record_tunnel tunnel = sample_tunnel(1);

	sink.esp_sa(sink.user, &esp);
	sink.tunnel(sink.user, &tunnel);
	sink.ike_sa(sink.user, &ike);
	assert_null(c.tunnels[0].ike);
	collection_judge(&c);
	collection_done(&c);
}

static void traffic_is_added_up_per_direction(void **state)
{
	struct collection c;

	(void)state;
	collection_init(&c);

	struct record_sink sink = collection_sink(&c);
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_esp_sa there = sample_esp_sa(1), back = sample_esp_sa(1);

	back.src = there.dst;
	back.dst = there.src;
	back.packets = 7;
	sink.tunnel(sink.user, &tunnel);
	sink.esp_sa(sink.user, &there);
	sink.esp_sa(sink.user, &there);
	sink.esp_sa(sink.user, &back);
	assert_int_equal(c.tunnels[0].traffic[0].packets, 600);
	assert_int_equal(c.tunnels[0].traffic[0].sas, 2);
	assert_int_equal(c.tunnels[0].traffic[0].lost, 6);
	assert_int_equal(c.tunnels[0].traffic[1].packets, 7);

	/* MOBIKE: the lower peer sends from, and is sent to, an address that is no peer's */
	there.src.addr = back.dst.addr = addr_v4(0xc0000263);
	sink.esp_sa(sink.user, &there);
	sink.esp_sa(sink.user, &back);
	assert_int_equal(c.tunnels[0].traffic[0].packets, 900);
	assert_int_equal(c.tunnels[0].traffic[1].packets, 14);
	collection_done(&c);
}

static void tunnels_are_ranked_by_their_worst_alert_and_symptoms_stand_last(void **state)
{
	struct collection c;

	(void)state;
	collection_init(&c);

	struct record_sink sink = collection_sink(&c);

	for (uint32_t i = 1; i <= 3; i++) {
		struct record_tunnel tunnel = sample_tunnel(i);

		tunnel.state = i == 1 ? TUNNEL_DOWN : TUNNEL_UP;
		sink.tunnel(sink.user, &tunnel);
	}

	struct record_alert info = sample_alert(3), symptom = sample_alert(3);

	info.severity = SEVERITY_INFO;
	symptom.id++;
	symptom.incident = info.id;
	sink.alert(sink.user, &symptom);
	sink.alert(sink.user, &info);
	collection_judge(&c);
	assert_int_equal(c.tunnels[0].rank, RANK_CRITICAL);
	assert_int_equal(c.tunnels[0].record.id, object_id_of(1, 3));
	assert_int_equal(c.tunnels[0].alerts[0].id, info.id);
	assert_int_equal(c.tunnels[1].rank, RANK_DOWN);
	assert_int_equal(c.tunnels[2].rank, RANK_HEALTHY);
	collection_done(&c);
}

/* A set-up from another port of the NAT is told where it goes on; what began it stays empty. */
static void a_tunnel_from_another_port_of_a_nat_in_which_nothing_stayed_is_left_out(void **state)
{
	(void)state;
	for (int port = 0; port < 2; port++) {
		struct collection c;

		collection_init(&c);

		struct record_sink sink = collection_sink(&c);
		struct record_tunnel full = sample_tunnel(1), empty = sample_tunnel(2);
		struct record_ike_sa ike = sample_ike_sa(1);

		empty.peers[0] = full.peers[0];
		empty.peers[1] = full.peers[1];
		empty.peers[0].port = port ? 31005 : 0;
		sink.tunnel(sink.user, &full);
		sink.tunnel(sink.user, &empty);
		sink.ike_sa(sink.user, &ike);
		collection_judge(&c);
		assert_int_equal(c.n_tunnels, port ? 1 : 2);
		assert_int_equal(c.tunnels[0].record.id, full.id);
		collection_done(&c);
	}
}

static void nor_is_one_left_out_that_is_alone(void **state)
{
	struct collection c;

	(void)state;
	collection_init(&c);

	struct record_sink sink = collection_sink(&c);
	struct record_tunnel empty = sample_tunnel(1);

	empty.peers[0].port = 31005;
	sink.tunnel(sink.user, &empty);
	collection_judge(&c);
	assert_int_equal(c.n_tunnels, 1);
	collection_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ages_at_rekey_have_the_median_of_all_and_of_each_side),
		cmocka_unit_test(an_sa_that_was_not_rekeyed_adds_no_age),
		cmocka_unit_test(an_sa_older_than_the_capture_adds_no_age),
		cmocka_unit_test(records_of_a_tunnel_that_was_not_given_are_left_out),
		cmocka_unit_test(traffic_is_added_up_per_direction),
		cmocka_unit_test(
			a_tunnel_from_another_port_of_a_nat_in_which_nothing_stayed_is_left_out),
		cmocka_unit_test(nor_is_one_left_out_that_is_alone),
		cmocka_unit_test(tunnels_are_ranked_by_their_worst_alert_and_symptoms_stand_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
