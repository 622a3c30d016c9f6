/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sawatch/html.h>

#include "report/samples.h"

static const struct html_options plain = {
	.title = "h.db", .version = "1.0", .now = AT(100), .since = NSEC_NONE, .until = NSEC_NONE,
};

static size_t count(const char *text, const char *words)
{
	size_t n = 0;

	for (; (text = strstr(text, words)); text++)
		n++;
	return n;
}

static void assert_has(const char *text, const char *words)
{
	if (!strstr(text, words))
		fail_msg("no \"%s\" in\n%s", words, text);
}

static const char *print(struct html *h, struct printed *p)
{
	printed_open(p);
	html_print(h, p->out);
	return printed_text(p);
}

static void close_both(struct html *h, struct printed *p)
{
	printed_close(p);
	html_close(h);
}

/* `n` tunnels, of which the first `ill` have a critical alert. */
static struct html *tunnels(const struct html_options *o, uint32_t n, uint32_t ill)
{
	struct html *h = html_open(o);
	struct record_sink sink = html_sink(h);
	struct record_capture c = sample_capture();

	sink.capture(sink.user, &c);
	for (uint32_t i = 1; i <= n; i++) {
		struct record_tunnel t = sample_tunnel(i);

		t.alerts = i <= ill;
		sink.tunnel(sink.user, &t);
	}
	for (uint32_t i = 1; i <= ill; i++) {
		struct record_tunnel t = sample_tunnel(i);
		struct record_alert a = sample_alert(i);

		a.id = object_id_of(1, i);
		a.peers = t.peers;
		sink.alert(sink.user, &a);
	}
	return h;
}

static void the_verdict_comes_first(void **state)
{
	struct html *h = tunnels(&plain, 3, 1);
	struct printed p;

	(void)state;
	html_judge(h);
	assert_has(print(h, &p), "<p class=\"verdict critical\">3 tunnels: <b class=\"critical\">1 "
				 "critical</b>, <b class=\"healthy\">2 healthy</b></p>");
	assert_true(strstr(p.text, "class=\"verdict") < strstr(p.text, "<table"));
	close_both(h, &p);
}

static void an_empty_history_says_so(void **state)
{
	struct html *h = html_open(&plain);
	struct printed p;

	(void)state;
	assert_int_equal(html_judge(h), 0);
	assert_has(print(h, &p), "no IPsec tunnel seen: the history is empty");
	close_both(h, &p);
}

static void nothing_is_fetched_and_nothing_runs(void **state)
{
	struct html *h = tunnels(&plain, 3, 2);
	struct printed p;

	(void)state;
	html_judge(h);
	print(h, &p);
	assert_has(p.text, "default-src 'none'");
	assert_int_equal(count(p.text, "<script") + count(p.text, "src=") + count(p.text, "url(") +
				 count(p.text, "@import") + count(p.text, "<link") +
				 count(p.text, "//"),
			 0);
	assert_has(p.text, "prefers-color-scheme:dark");
	close_both(h, &p);
}

static void few_tunnels_are_all_shown_in_detail_of_many_only_ill_ones(void **state)
{
	struct html *few = tunnels(&plain, 5, 1), *many = tunnels(&plain, 100, 3);

	(void)state;
	assert_int_equal(html_judge(few), 5);
	assert_int_equal(html_judge(many), 3);
	for (size_t i = 0; i < 3; i++)
		assert_in_range(html_detail(many, i), object_id_of(1, 1), object_id_of(1, 3));
	html_close(few);
	html_close(many);
}

static void what_is_left_out_is_said(void **state)
{
	struct html *h = tunnels(&plain, 2100, 60);
	struct printed p;

	(void)state;
	assert_int_equal(html_judge(h), 40);
	print(h, &p);
	assert_has(p.text, "Of 60 tunnels with alerts the worst 40 are shown in detail");
	assert_has(p.text, "100 more tunnels are not listed");
	assert_int_equal(count(p.text, "<section id=\"t"), 40);
	close_both(h, &p);
}

static void lives_of_sas_are_bars_with_their_story(void **state)
{
	struct html *h = tunnels(&plain, 1, 0);
	struct record_ike_sa ike = sample_ike_sa(1);
	struct record_child_sa child = sample_child_sa(1);
	struct record_esp_sa esp = sample_esp_sa(1);
	struct printed p;

	(void)state;
	html_judge(h);
	struct record_sink sink = html_detail_sink(h, 0);

	sink.ike_sa(sink.user, &ike);
	sink.child_sa(sink.user, &child);
	sink.esp_sa(sink.user, &esp);
	esp.src = sample_peers[1];
	esp.dst = sample_peers[0];
	esp.spi = 0xaa;
	sink.esp_sa(sink.user, &esp);
	print(h, &p);
	assert_has(p.text, "<rect class=living");
	assert_has(p.text, "IKEv2 SA 0123456789abcdef:fedcba9876543210, begun by 192.0.2.1 at "
			   "2026-11-22 04:30:52.000; lives");
	assert_has(p.text, "child SA c1f0a2b3/? since 2026-11-22 04:30:53.000, begun by 192.0.2.1; "
			   "ended: rekeyed, by 198.51.100.2 at 2026-11-22 04:31:23.000, age 30 s");
	assert_has(p.text, "ESP c1f0a2b3, 300 packets, 45.0 kB, 3 lost");
	assert_has(p.text, ">from 192.0.2.1</text>");
	assert_has(p.text, ">from 198.51.100.2</text>");
	assert_has(p.text, "<dt>vendor IDs</dt><dd>strongSwan, "
			   "afcad71368a1f1c96b8696fc77570100</dd>");
	close_both(h, &p);
}

static void of_very_many_lives_the_latest_are_drawn_and_that_is_said(void **state)
{
	struct html *h = tunnels(&plain, 1, 0);
	struct printed p;

	(void)state;
	html_judge(h);
	struct record_sink sink = html_detail_sink(h, 0);

	for (uint32_t i = 0; i < 1000; i++) {
		struct record_child_sa child = sample_child_sa(1);

		child.spis[0] = 0x10000000 + i;
		child.created = AT(30 * i);
		child.ended = AT(30 * (i + 1));
		sink.child_sa(sink.user, &child);
	}
	print(h, &p);
	assert_int_equal(count(p.text, "<rect class=replaced"), 300);
	assert_has(p.text, "Of 1000 child SAs the latest 300 are drawn");
	assert_has(p.text, "child SA 100003e7/?");
	close_both(h, &p);
}

static void an_alert_shows_the_exchanges_it_points_to(void **state)
{
	struct html *h = tunnels(&plain, 1, 1);
	struct record_exchange x = sample_exchange(1);
	struct printed p;

	(void)state;
	html_judge(h);
	struct record_sink sink = html_detail_sink(h, 0);

	x.request_frame = 12;
	sink.exchange(sink.user, &x);
	x.id++;
	x.kind = "INFORMATIONAL";
	x.request_frame = 77;		/* not one of the alert's, but in its time */
	x.request_at = AT(11);
	sink.exchange(sink.user, &x);
	print(h, &p);
	assert_has(p.text, "<details open><summary>The exchanges that this points to</summary>");
	assert_has(p.text, "IKE_SA_INIT, message 0, ike_sa_init, sent 3 times, frame 12");
	assert_has(p.text, ">no answer</text>");
	assert_int_equal(count(p.text, "INFORMATIONAL"), 0);
	close_both(h, &p);
}

static void frames_of_another_capture_are_not_meant(void **state)
{
	struct html *h = tunnels(&plain, 1, 1);
	struct record_exchange x = sample_exchange(1);
	struct printed p;

	(void)state;
	html_judge(h);
	struct record_sink sink = html_detail_sink(h, 0);

	x.id = object_id_of(2, 1);
	x.request_frame = 12;
	x.request_at = AT(1000);
	sink.exchange(sink.user, &x);
	assert_int_equal(count(print(h, &p), "<svg class=ladder"), 0);
	close_both(h, &p);
}

static void an_alert_comes_with_evidence_advice_and_frames(void **state)
{
	struct html *h = tunnels(&plain, 1, 1);
	struct record_ike_sa ike = sample_ike_sa(1);
	struct printed p;

	(void)state;
	html_judge(h);
	struct record_sink sink = html_detail_sink(h, 0);

	sink.ike_sa(sink.user, &ike);
	print(h, &p);
	assert_has(p.text, "<tr><th>median_age_s</th><td>5.1</td></tr>");
	assert_has(p.text, "<dt>frames</dt><dd>12, 345 of a.pcap</dd>");
	assert_has(p.text, "<ul><li>Compare the lifetimes of both "
			   "sides.</li><li><b>strongSwan:</b> swanctl --list-sas</li></ul>"
			   "<details><summary>on other makes</summary><ul><li><b>FortiOS:</b>");
	close_both(h, &p);
}

static void an_alert_of_one_moment_has_one_time_and_advice_by_make_when_none_is_known(void **state)
{
	struct html *h = html_open(&plain);
	struct record_sink sink = html_sink(h);
	struct record_tunnel t = sample_tunnel(1);
	struct record_alert a = sample_alert(1);
	struct printed p;

	(void)state;
	a.last = a.first;
	sink.tunnel(sink.user, &t);
	sink.alert(sink.user, &a);
	html_judge(h);
	print(h, &p);

	const char *when = strstr(p.text, "<dt>when</dt>");

	assert_non_null(when);
	assert_true(strstr(when, " to ") == NULL ||
		    strstr(when, " to ") > strstr(when, "<dt>confidence"));
	assert_has(p.text, "<details><summary>by make</summary>");
	close_both(h, &p);
}

static void what_could_not_be_judged_is_told(void **state)
{
	static const char *const blind[] = { "no IKE was seen" };
	struct html *h = html_open(&plain);
	struct record_sink sink = html_sink(h);
	struct record_tunnel t = sample_tunnel(1);
	struct printed p;

	(void)state;
	t.unobservable = blind;
	t.n_unobservable = 1;
	sink.tunnel(sink.user, &t);
	html_judge(h);
	assert_has(print(h, &p), "Not observable: no IKE was seen");
	close_both(h, &p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_verdict_comes_first),
		cmocka_unit_test(an_empty_history_says_so),
		cmocka_unit_test(nothing_is_fetched_and_nothing_runs),
		cmocka_unit_test(few_tunnels_are_all_shown_in_detail_of_many_only_ill_ones),
		cmocka_unit_test(what_is_left_out_is_said),
		cmocka_unit_test(lives_of_sas_are_bars_with_their_story),
		cmocka_unit_test(of_very_many_lives_the_latest_are_drawn_and_that_is_said),
		cmocka_unit_test(an_alert_shows_the_exchanges_it_points_to),
		cmocka_unit_test(frames_of_another_capture_are_not_meant),
		cmocka_unit_test(an_alert_comes_with_evidence_advice_and_frames),
		cmocka_unit_test(
			an_alert_of_one_moment_has_one_time_and_advice_by_make_when_none_is_known),
		cmocka_unit_test(what_could_not_be_judged_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
