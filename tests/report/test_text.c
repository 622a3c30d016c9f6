/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/expected.h>

#include "report/samples.h"

static const struct diagnosis_options plain = { .colour = false };

/* One tunnel with its SAs, as the walk over the history gives them. */
static void give_tunnel(const struct record_sink *sink, uint32_t number)
{
	struct record_tunnel tunnel = sample_tunnel(number);

	sink->tunnel(sink->user, &tunnel);
}

static void give_sas(const struct record_sink *sink, uint32_t number)
{
	struct record_ike_sa ike = sample_ike_sa(number);
	struct record_child_sa child = sample_child_sa(number);
	struct record_esp_sa esp = sample_esp_sa(number);

	sink->ike_sa(sink->user, &ike);
	sink->child_sa(sink->user, &child);
	sink->esp_sa(sink->user, &esp);
}

static const char *last_line(const char *text)
{
	size_t end = strlen(text) - 1;

	while (end > 0 && text[end - 1] != '\n')
		end--;
	return text + end;
}

static void an_ill_tunnel_stands_before_healthy_ones_with_evidence_frames_and_advice(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_alert alert = sample_alert(2);
	struct printed p;

	(void)state;
	give_tunnel(&sink, 1);
	give_tunnel(&sink, 2);
	give_sas(&sink, 2);
	sink.alert(sink.user, &alert);
	printed_open(&p);
	diagnosis_print(d, p.out);

	const char *text = printed_text(&p);
	const char *ill = strstr(text, "CRITICAL 192.0.2.1<->198.51.100.3");
	const char *healthy = strstr(text, "healthy  192.0.2.1<->198.51.100.2");

	assert_non_null(ill);
	assert_non_null(healthy);
	assert_true(ill < healthy);
	assert_non_null(strstr(ill, "critical spi_churn, confidence high"));
	assert_non_null(strstr(ill, "SAs are replaced every 5.1 s, 7 times in 40 s"));
	assert_non_null(strstr(ill, "replacements=7, median_age_s=5.1, side=192.0.2.1"));
	assert_non_null(strstr(ill, "frames     12, 345"));
	assert_non_null(strstr(ill, "by 198.51.100.3: 1 time, at the age of 28 s"));
	assert_non_null(strstr(ill, "ESP in UDP: 300 packets, 45.0 kB on 1 SPI, lost 0.99 %"));
	assert_string_equal(last_line(text), "verdict: 2 tunnels: 1 critical, 1 healthy\n");
	printed_close(&p);
	diagnosis_close(d);
}

static void a_tunnel_whose_alerts_are_all_over_says_so_at_once(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		struct diagnosis *d = diagnosis_open(&plain);
		struct record_sink sink = diagnosis_sink(d);
		struct record_alert alert = sample_alert(1), other = sample_alert(1);
		struct printed p;

		other.id++;
		other.code = "ike_flap";
		other.severity = SEVERITY_WARNING;
		alert.cleared = true;
		other.cleared = over;
		give_tunnel(&sink, 1);
		sink.alert(sink.user, &alert);
		sink.alert(sink.user, &other);
		printed_open(&p);
		diagnosis_print(d, p.out);
		bool told = strstr(printed_text(&p), " UTC, all alerts are over now\n") != NULL;

		assert_int_equal(told, over);
		printed_close(&p);
		diagnosis_close(d);
	}
}

static void an_ike_sa_that_lives_is_as_old_as_its_tunnel(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_alert alert = sample_alert(1);
	struct record_ike_sa living = sample_ike_sa(1), over = sample_ike_sa(1),
			     unseen = sample_ike_sa(1);
	struct printed p;

	(void)state;
	living.last = AT(3);
	over.id++;
	over.ended = AT(31);
	over.end_reason = END_SUPERSEDED;
	over.ended_by = 1;
	unseen.id += 2;
	unseen.origin = ORIGIN_MIDSTREAM;
	unseen.created = AT(20);
	give_tunnel(&sink, 1);
	sink.ike_sa(sink.user, &living);
	sink.ike_sa(sink.user, &over);
	sink.ike_sa(sink.user, &unseen);
	sink.alert(sink.user, &alert);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), ", 59 s, alive"));
	assert_non_null(strstr(p.text, "set-up not seen, heard since 2026-11-22 04:31:11, "
				       "over 40 s, alive"));
	assert_non_null(
		strstr(p.text, ", 30 s, superseded by a newer one, deleted by 198.51.100.2"));
	printed_close(&p);
	diagnosis_close(d);
}

static void advice_is_for_the_vendors_seen_and_points_to_the_page_for_others(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_alert alert = sample_alert(1);
	struct printed p;

	(void)state;
	give_tunnel(&sink, 1);
	give_sas(&sink, 1);	/* its vendor ID says strongSwan */
	sink.alert(sink.user, &alert);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), "Compare the lifetimes of both sides."));
	assert_non_null(strstr(p.text, "strongSwan: swanctl --list-sas"));
	assert_null(strstr(p.text, "FortiOS"));
	assert_non_null(strstr(p.text, "other vendors: sawatch explain spi_churn"));
	printed_close(&p);
	diagnosis_close(d);
}

static void advice_is_for_all_vendors_when_none_was_recognised(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_alert alert = sample_alert(1);
	struct printed p;

	(void)state;
	give_tunnel(&sink, 1);
	sink.alert(sink.user, &alert);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), "strongSwan: swanctl --list-sas"));
	assert_non_null(strstr(p.text, "FortiOS: diagnose vpn tunnel list"));
	printed_close(&p);
	diagnosis_close(d);
}

static void one_packet_is_no_packets_and_no_child_sa_is_not_mentioned(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_esp_sa esp = sample_esp_sa(1);
	struct printed p;

	(void)state;
	esp.packets = 1;
	esp.lost = 0;
	give_tunnel(&sink, 1);
	sink.esp_sa(sink.user, &esp);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), "1 packet from 192.0.2.1, 0 packets from "
						 "198.51.100.2, lost 0.00 %\n"));
	printed_close(&p);
	diagnosis_close(d);
}

static void more_than_fifty_healthy_tunnels_take_one_line_each(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct printed p;
	size_t lines = 0;

	(void)state;
	for (uint32_t i = 1; i <= 60; i++)
		give_tunnel(&sink, i);
	for (uint32_t i = 1; i <= 60; i++)
		give_sas(&sink, i);
	printed_open(&p);
	diagnosis_print(d, p.out);
	for (const char *c = printed_text(&p); *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, 60 + 2);	/* and a blank line and the verdict */
	assert_string_equal(last_line(p.text), "verdict: 60 tunnels: 60 healthy\n");
	printed_close(&p);
	diagnosis_close(d);
}

static void a_tunnel_that_could_not_be_judged_is_not_called_healthy(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_tunnel tunnel = sample_tunnel(1);
	const char *const reasons[] = { "Rekeys: the capture is shorter than any lifetime." };
	struct printed p;

	(void)state;
	tunnel.state = TUNNEL_UNKNOWN;
	tunnel.unobservable = reasons;
	tunnel.n_unobservable = 1;
	sink.tunnel(sink.user, &tunnel);
	tunnel.id++;
	tunnel.peers[1].addr.low++;
	sink.tunnel(sink.user, &tunnel);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_null(strstr(printed_text(&p), "healthy"));
	assert_non_null(strstr(p.text, "Not observable\n  192.0.2.1<->198.51.100.2, "
				       "192.0.2.1<->198.51.100.3\n"
				       "    Rekeys: the capture is shorter than any lifetime.\n"));
	assert_string_equal(last_line(p.text), "verdict: 2 tunnels: 2 not observable\n");
	printed_close(&p);
	diagnosis_close(d);
}

static void no_tunnel_is_said_and_alerts_about_the_capture_are_shown(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_capture capture = sample_capture();
	struct record_alert alert = sample_alert(0);
	struct printed p;

	(void)state;
	capture.ike_messages = capture.esp_packets = capture.keepalives = 0;
	alert.code = "capture_loss";
	sink.capture(sink.user, &capture);
	sink.alert(sink.user, &alert);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), "1,000 packets, none of them IPsec\n"));
	assert_non_null(strstr(p.text, "About the capture\n  critical capture_loss, "
				       "confidence high"));
	assert_string_equal(last_line(p.text), "verdict: no IPsec tunnel seen\n");
	printed_close(&p);
	diagnosis_close(d);
}

static void one_thing_is_not_said_to_be_many_and_a_share_is_never_rounded_away(void **state)
{
	struct diagnosis *d = diagnosis_open(&(struct diagnosis_options){ .verbose = true });
	struct record_sink sink = diagnosis_sink(d);
	struct record_capture one = sample_capture(), most = sample_capture();
	struct record_esp_sa esp = sample_esp_sa(1);
	struct printed p;

	(void)state;
	one.packets = 1000000;
	one.ike_messages = one.esp_packets = one.ah_packets = 0;
	one.keepalives = one.duplicates = one.fragments = 1;
	most.packets = 1000000;
	most.esp_packets = 999999;
	most.ike_messages = most.ah_packets = most.keepalives = 0;
	esp.packets = esp.bytes = 1;
	esp.late = 0;
	give_tunnel(&sink, 1);
	sink.capture(sink.user, &one);
	sink.capture(sink.user, &most);
	sink.esp_sa(sink.user, &esp);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), "1,000,000 packets, under 1 % IPsec: "
						 "1 NAT keepalive\n"));
	assert_non_null(strstr(p.text, "  1 copy of a packet (of the mirror or the network),"
				       " 1 fragment\n"));
	assert_non_null(strstr(p.text, ", 99 % IPsec: 999,999 ESP\n"));
	assert_non_null(strstr(p.text, ": 1 packet, 1 byte on 1 SPI"));
	printed_close(&p);
	diagnosis_close(d);
}

static void a_lost_peer_did_not_end_the_sa_and_moments_say_that_they_are_utc(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_alert alert = sample_alert(1);
	struct record_evidence step = { "step_s", EVIDENCE_REAL, .real = -85375555.97 };
	struct record_ike_sa ike = sample_ike_sa(1);
	struct printed p;

	(void)state;
	ike.ended = AT(31);
	ike.end_reason = END_PEER_LOST;
	ike.ended_by = 1;
	alert.evidence = &step;
	alert.n_evidence = 1;
	give_tunnel(&sink, 1);
	sink.ike_sa(sink.user, &ike);
	sink.alert(sink.user, &alert);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), ", ended: 198.51.100.2 was lost\n"));
	assert_non_null(strstr(p.text, " since 2026-11-22 04:30:52 UTC\n"));
	assert_non_null(strstr(p.text, "step_s=-85375556\n"));
	printed_close(&p);
	diagnosis_close(d);
}

static void lines_are_as_narrow_as_the_terminal(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_alert alert = sample_alert(1);
	struct printed p;

	(void)state;
	alert.summary = "This is a long sentence that takes two lines on a terminal of "
			"sixty columns.";
	give_tunnel(&sink, 1);
	sink.alert(sink.user, &alert);
	printed_open(&p);
	report_set_line_width(60);
	diagnosis_print(d, p.out);
	report_set_line_width(1000);
	assert_non_null(strstr(printed_text(&p), "This is a long sentence that takes two lines "
						 "on\n             a terminal"));
	printed_close(&p);
	diagnosis_close(d);
}

static void what_the_wire_says_cannot_colour_or_clear_the_terminal(void **state)
{
	struct diagnosis *d = diagnosis_open(&plain);
	struct record_sink sink = diagnosis_sink(d);
	struct record_ike_sa ike = sample_ike_sa(1);
	struct record_capture capture = sample_capture();
	const char *const hostile[] = { "\x1b]0;owned\x07\x1b[2J" };
	struct printed p;

	(void)state;
	ike.vendor_ids = capture.warnings = hostile;
	ike.n_vendor_ids = capture.n_warnings = 1;
	capture.name = hostile[0];
	sink.capture(sink.user, &capture);
	give_tunnel(&sink, 1);
	sink.ike_sa(sink.user, &ike);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), "\\x1b]0;owned"));
	for (const char *c = p.text; *c; c++)
		assert_true((unsigned char)*c >= 0x20 || *c == '\n');
	printed_close(&p);
	diagnosis_close(d);
}

static void colour_is_used_only_when_asked_for(void **state)
{
	static const struct diagnosis_options coloured = { .colour = true };
	struct diagnosis *d = diagnosis_open(&coloured);
	struct record_sink sink = diagnosis_sink(d);
	struct printed p;

	(void)state;
	give_tunnel(&sink, 1);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_non_null(strstr(printed_text(&p), "\033[32mhealthy"));
	printed_close(&p);
	diagnosis_close(d);
}

static void an_expected_tunnel_that_was_not_seen_is_not_passed_over(void **state)
{
	struct expected_tunnel tunnels[] = {
		{ .name = (char[]){ "hq-branch1" }, .peers = { sample_peers[0], sample_peers[1] } },
		{ .name = (char[]){ "hq-branch2" }, .peers = { sample_peers[0], sample_peers[0] } },
	};
	const struct expected inventory = { .tunnel = tunnels, .n = 2 };

	(void)state;
	for (int whole = 0; whole < 2; whole++) {
		struct diagnosis *d = diagnosis_open(&plain);
		struct record_sink sink = diagnosis_told_sink(d);
		struct printed p;

		diagnosis_expect(d, &inventory, whole);
		give_tunnel(&sink, 1);
		give_sas(&sink, 1);
		printed_open(&p);
		diagnosis_print(d, p.out);
		assert_non_null(strstr(printed_text(&p), "(hq-branch1)"));
		/* where a filter hid some packets, nobody knows */
		if (whole)
			assert_non_null(strstr(p.text, "Not observable\n  192.0.2.1<->192.0.2.1 "
						       "(hq-branch2)\n    expected, and no "));
		else
			assert_null(strstr(p.text, "hq-branch2"));
		assert_null(strstr(p.text, "branch1)\n    expected"));
		printed_close(&p);
		diagnosis_close(d);
	}
}

static void quiet_leaves_the_ill_tunnels_and_the_verdict(void **state)
{
	static const struct diagnosis_options quiet = { .quiet = true };
	struct diagnosis *d = diagnosis_open(&quiet);
	struct record_sink sink = diagnosis_sink(d);
	struct record_capture capture = sample_capture();
	struct printed p;

	(void)state;
	sink.capture(sink.user, &capture);
	give_tunnel(&sink, 1);
	printed_open(&p);
	diagnosis_print(d, p.out);
	assert_string_equal(printed_text(&p), "\nverdict: 1 tunnel: 1 healthy\n");
	printed_close(&p);
	diagnosis_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			an_ill_tunnel_stands_before_healthy_ones_with_evidence_frames_and_advice),
		cmocka_unit_test(a_tunnel_whose_alerts_are_all_over_says_so_at_once),
		cmocka_unit_test(an_ike_sa_that_lives_is_as_old_as_its_tunnel),
		cmocka_unit_test(advice_is_for_the_vendors_seen_and_points_to_the_page_for_others),
		cmocka_unit_test(advice_is_for_all_vendors_when_none_was_recognised),
		cmocka_unit_test(one_packet_is_no_packets_and_no_child_sa_is_not_mentioned),
		cmocka_unit_test(more_than_fifty_healthy_tunnels_take_one_line_each),
		cmocka_unit_test(a_tunnel_that_could_not_be_judged_is_not_called_healthy),
		cmocka_unit_test(no_tunnel_is_said_and_alerts_about_the_capture_are_shown),
		cmocka_unit_test(what_the_wire_says_cannot_colour_or_clear_the_terminal),
		cmocka_unit_test(
			one_thing_is_not_said_to_be_many_and_a_share_is_never_rounded_away),
		cmocka_unit_test(a_lost_peer_did_not_end_the_sa_and_moments_say_that_they_are_utc),
		cmocka_unit_test(lines_are_as_narrow_as_the_terminal),
		cmocka_unit_test(colour_is_used_only_when_asked_for),
		cmocka_unit_test(an_expected_tunnel_that_was_not_seen_is_not_passed_over),
		cmocka_unit_test(quiet_leaves_the_ill_tunnels_and_the_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
