/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "report/samples.h"
#include "report/why.h"

/* ---- lines ---- */

/* ---- what happened ---- */

static struct record_ike_sa attempt(nsec at)
{
	struct record_ike_sa r = sample_ike_sa(1);

	r.created = at;
	r.established = NSEC_NONE;
	r.ended = at + 2 * NSEC_PER_S;
	r.end_reason = END_FAILED;
	r.ended_by = 1;
	return r;
}

static void repetitions_are_folded_to_one_block_with_its_rhythm(void **state)
{
	struct why_moments m;

	(void)state;
	why_moments_init(&m);
	for (int i = 0; i < 9; i++) {
		struct record_ike_sa r = attempt(AT(10 * i));

		why_moments_ike_sa(&m, &r);
	}
	why_moments_settle(&m, sample_peers, &(struct collection){ 0 });

	struct why_block b = why_block_at(&m, 0);

	assert_int_equal(b.length, 2);
	assert_int_equal(b.times, 9);
	assert_int_equal(b.every_min, 10 * NSEC_PER_S);
	assert_int_equal(b.every_max, 10 * NSEC_PER_S);
	assert_int_equal(b.until, AT(82));
	why_moments_done(&m);
}

static void what_the_two_sides_do_is_not_the_same(void **state)
{
	struct why_moments m;

	(void)state;
	why_moments_init(&m);
	for (int i = 0; i < 4; i++) {
		struct record_ike_sa r = attempt(AT(10 * i));

		r.initiator = sample_peers[i % 2];
		r.ended = NSEC_NONE;
		r.end_reason = END_NONE;
		why_moments_ike_sa(&m, &r);
	}
	why_moments_settle(&m, sample_peers, &(struct collection){ 0 });
	assert_int_equal(why_block_at(&m, 0).length, 2);
	why_moments_done(&m);
}

static struct record_esp_sa esp(uint32_t spi, int from, int to)
{
	struct record_esp_sa r = sample_esp_sa(1);

	r.spi = spi;
	r.first = AT(from);
	r.last = AT(to);
	r.packets = to - from + 1;
	return r;
}

static void a_pause_between_two_spis_is_told_and_its_length_known(void **state)
{
	struct record_esp_sa one = esp(1, 0, 100), two = esp(2, 112, 200), moved = esp(2, 230, 240);
	struct why_moments m;

	(void)state;
	why_moments_init(&m);
	why_moments_esp_sa(&m, &one);
	why_moments_esp_sa(&m, &two);
	why_moments_esp_sa(&m, &moved);	/* the same SPI from another port: no change of SPI */
	assert_int_equal(m.flow[0].longest_pause, 12 * NSEC_PER_S);
	assert_int_equal(m.flow[0].n_pauses, 2);
	why_moments_done(&m);
}

static void an_end_of_the_capture_is_no_silence(void **state)
{
	struct record_capture own = sample_capture(), other = sample_capture();
	struct collection seen = { .captures = (struct record_capture[]){ own, other },
				   .n_captures = 2 };
	struct record_esp_sa sa = esp(1, 0, 58);
	struct why_moments m;

	(void)state;
	seen.captures[1].id = 2;
	seen.captures[1].last = AT(3600);	/* another place, still running */
	why_moments_init(&m);
	why_moments_esp_sa(&m, &sa);
	why_moments_settle(&m, sample_peers, &seen);
	for (size_t i = 0; i < m.n; i++)
		assert_null(strstr(m.at[i].text, "last protected packet"));
	why_moments_done(&m);
}

/* ---- pages ---- */

static void note_line(void *user, const char *vendor, const char *text)
{
	why_list_add(user, "%s|%s", vendor, text);
}

static void log_lines_are_taken_from_the_page_and_only_they(void **state)
{
	static const char page[] = "# x: y\n\n- **FortiOS**: set x\n\nThe line to look for on "
				   "the box:\n\n"
		"- **FortiOS**: in its log: established IKE SA limit 4\n  reached\n- "
		"**strongSwan**: giving up\n\n"
		"## Knobs\n\n- **no**: knob\n";
	struct why_list l = { 0 };

	(void)state;
	why_page_log_lines(page, note_line, &l);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.at[0], "FortiOS|established IKE SA limit 4 reached");
	assert_string_equal(l.at[1], "strongSwan|giving up");
	why_list_done(&l);
	why_page_log_lines("# no such section\n", note_line, &l);
	why_page_log_lines(NULL, note_line, &l);
	assert_int_equal(l.n, 0);
}

/* ---- the story ---- */

static struct record_alert collision(void)
{
	static const struct record_evidence evidence[] = {
		{ .name = "collisions", .type = EVIDENCE_INTEGER, .integer = 4 },
		{ .name = "apart_ms", .type = EVIDENCE_REAL, .real = 20.1 },
		{ .name = "at_equal_ages", .type = EVIDENCE_INTEGER, .integer = 4 },
	};
	struct record_alert a = sample_alert(1);

	a.id = object_id_of(1, 1);
	a.code = "rekey_collision";
	a.cause = "rekey_rekey";
	a.severity = SEVERITY_WARNING;
	a.summary = "started rekeying the same SA";
	a.evidence = evidence;
	a.n_evidence = 3;
	return a;
}

static struct record_alert stale(void)
{
	static const struct record_evidence evidence[] = {
		{ .name = "packets", .type = EVIDENCE_INTEGER, .integer = 39 },
		{ .name = "sender", .type = EVIDENCE_TEXT, .text = "192.0.2.1" },
		{ .name = "receiver", .type = EVIDENCE_TEXT, .text = "198.51.100.2" },
		{ .name = "spi", .type = EVIDENCE_TEXT, .text = "c1f0a2b3" },
	};
	struct record_alert a = sample_alert(1);

	a.id = object_id_of(1, 2);
	a.code = "stale_spi";
	a.cause = "rekey_collision";
	a.incident = object_id_of(1, 1);
	a.summary = "still encrypts with a dead SPI";
	a.evidence = evidence;
	a.n_evidence = 4;
	return a;
}

/* All that happened to one tunnel, and its alerts. */
static struct why *told(object_id asked, const struct record_alert *alerts, size_t n)
{
	const struct why_options o = { .alert = asked };
	struct why *w = why_open(&o);
	struct record_sink sink = why_sink(w);
	struct record_capture capture = sample_capture();
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_ike_sa ike = sample_ike_sa(1);
	struct record_child_sa child = sample_child_sa(1);
	struct record_esp_sa sa = sample_esp_sa(1);
	struct record_exchange exchange = sample_exchange(1);

	tunnel.state = TUNNEL_DEGRADED;
	sink.capture(sink.user, &capture);
	sink.tunnel(sink.user, &tunnel);
	sink.ike_sa(sink.user, &ike);
	sink.child_sa(sink.user, &child);
	sink.esp_sa(sink.user, &sa);
	sink.exchange(sink.user, &exchange);
	for (size_t i = 0; i < n; i++)
		sink.alert(sink.user, &alerts[i]);
	return w;
}

static void one_fault_is_one_story_with_its_symptoms_as_consequences(void **state)
{
	const struct record_alert alerts[] = { collision(), stale() };
	struct why *w = told(0, alerts, 2);
	struct printed p;

	(void)state;
	printed_open(&p);
	why_tell(w, p.out);

	const char *text = printed_text(&p);

	/* as the tunnel is ranked elsewhere: the gravest of it */
	assert_ptr_equal(strstr(text, "CRITICAL\n"), text);
	assert_non_null(strstr(text, "Both sides renew phase 2 at the same moment"));
	assert_non_null(strstr(text, "Traffic was lost: at least 39 packets went to a dead SPI."));
	assert_non_null(strstr(text, "consequence: stale_spi, critical: still encrypts "
				     "with a dead SPI"));
	assert_non_null(strstr(text, "clear the SA on 192.0.2.1"));
	assert_null(strstr(text, "Evidence 2 of"));
	assert_non_null(strstr(text, "tshark -r a.pcap -Y 'frame.number in {12,345}'"));
	printed_close(&p);
	why_close(w);
}

static void of_an_ike_sa_that_nobody_answered_it_is_not_said_that_none_came_up(void **state)
{
	struct why *w = why_open(&(struct why_options){ .colour = false });
	struct record_sink sink = why_sink(w);
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_ike_sa ike = sample_ike_sa(1);
	struct printed p;

	(void)state;
	tunnel.state = TUNNEL_UNKNOWN;
	ike.origin = ORIGIN_MIDSTREAM;
	ike.established = NSEC_NONE;
	sink.tunnel(sink.user, &tunnel);
	sink.ike_sa(sink.user, &ike);
	printed_open(&p);
	why_tell(w, p.out);
	assert_non_null(strstr(printed_text(&p), "phase 1 is already up when it is first seen"));
	assert_null(strstr(p.text, "no phase 1 came up"));
	printed_close(&p);
	why_close(w);
}

static void asked_about_a_symptom_it_tells_the_cause_and_says_so(void **state)
{
	const struct record_alert alerts[] = { collision(), stale() };
	struct why *w = told(object_id_of(1, 2), alerts, 2);
	struct printed p;

	(void)state;
	printed_open(&p);
	why_tell(w, p.out);
	assert_non_null(strstr(printed_text(&p), "You asked about stale_spi: it is a consequence "
						 "of rekey_collision"));
	printed_close(&p);
	why_close(w);
}

static void what_happened_names_who_did_it_when_and_in_which_frame(void **state)
{
	struct why *w = told(0, NULL, 0);
	struct printed p;

	(void)state;
	printed_open(&p);
	why_tell(w, p.out);

	const char *text = printed_text(&p);

	assert_non_null(strstr(text, "04:30:52.000          0 s  192.0.2.1 opens phase 1 (IKEv2) "
				     "towards 198.51.100.2"));
	assert_non_null(strstr(text, "192.0.2.1 sends its first message (IKE_SA_INIT) 3 times; "
				     "no answer from"));
	assert_non_null(strstr(text, "04:31:21.000         29 s  198.51.100.2 renews phase 2 "
				     "(rekey) at the age of 28 s"));
	assert_non_null(strstr(text, "No condition that sawatch knows was found."));
	assert_non_null(strstr(text, "\nWords\n"));
	printed_close(&p);
	why_close(w);
}

static void nothing_of_the_wire_reaches_the_terminal_unescaped(void **state)
{
	static const struct record_evidence evidence[] = { { .name = "offered",
	.type = EVIDENCE_TEXT, .text = "\033[2Jx" } };
	static const struct record_action actions[] = { { "any", "do \033[2J" },
	{ "Evil\033]0;", "step \r" } };
	static const char *const blind[] = { "not \033[2Jseen" };
	struct record_alert alert = collision();
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_capture capture = sample_capture();
	struct record_event event = {
		.capture = 1, .seq = 1, .tunnel = tunnel.id, .at = AT(3), .kind = "error_notify",
		.text = "says \033[2J\n",
		.peers = sample_peers,
	};
	struct why *w = why_open(&(struct why_options){ 0 });
	struct record_sink sink = why_sink(w);
	struct printed p;

	(void)state;
	capture.name = "a\033[2J'$(reboot).pcap";
	tunnel.n_unobservable = 1;
	tunnel.unobservable = blind;
	alert.summary = "sum\033[2J\xff";
	alert.cause = "\033[31m";
	alert.evidence = evidence;
	alert.n_evidence = 1;
	alert.actions = actions;
	alert.n_actions = 2;
	sink.capture(sink.user, &capture);
	sink.tunnel(sink.user, &tunnel);
	sink.event(sink.user, &event);
	sink.alert(sink.user, &alert);
	printed_open(&p);
	why_tell(w, p.out);

	const char *text = printed_text(&p);

	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\r'));
	assert_null(strchr(text, '\xff'));
	assert_non_null(strstr(text, "tshark -r 'a\\x1b[2J'\\''$(reboot).pcap' -Y "));
	printed_close(&p);
	why_close(w);
}

static void frames_of_several_files_are_found_by_time_instead(void **state)
{
	struct record_alert alert = collision();
	struct why *w;
	struct printed p;

	(void)state;
	alert.last = AT(600);	/* the capture ends after a minute */
	w = told(0, &alert, 1);
	printed_open(&p);
	why_tell(w, p.out);
	assert_null(strstr(printed_text(&p), "frame.number"));
	assert_non_null(
		strstr(printed_text(&p), "ip.addr == 192.0.2.1 and ip.addr == 198.51.100.2"));
	printed_close(&p);
	why_close(w);
}

static void an_alert_about_a_capture_has_a_story_without_a_tunnel(void **state)
{
	struct record_alert alert = sample_alert(0);
	struct record_capture capture = sample_capture();
	struct why *w = why_open(&(struct why_options){ .alert = alert.id });
	struct record_sink sink = why_sink(w);
	struct printed p;

	(void)state;
	alert.code = "clock_jump";
	alert.severity = SEVERITY_INFO;
	sink.capture(sink.user, &capture);
	sink.alert(sink.user, &alert);
	printed_open(&p);
	why_tell(w, p.out);
	assert_non_null(strstr(printed_text(&p), "The clock of the capture was set while it ran"));
	assert_non_null(strstr(printed_text(&p), "not at a tunnel"));
	printed_close(&p);
	why_close(w);
}

static void the_same_as_one_json_object(void **state)
{
	const struct record_alert alerts[] = { collision(), stale() };
	struct why *w = told(0, alerts, 2);
	struct printed p;

	(void)state;
	printed_open(&p);
	why_tell_json(w, p.out);

	json_t *o = json_loads(printed_text(&p), 0, NULL);

	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "type")), "story");
	assert_string_equal(json_string_value(json_object_get(o, "tunnel")),
			    "192.0.2.1<->198.51.100.2");

	json_t *incident = json_array_get(json_object_get(o, "incidents"), 0);

	assert_string_equal(json_string_value(json_object_get(incident, "code")),
			    "rekey_collision");
	assert_int_equal(json_array_size(json_object_get(incident, "consequences")), 1);
	assert_int_equal(json_array_size(json_object_get(o, "incidents")), 1);
	json_decref(o);
	printed_close(&p);
	why_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repetitions_are_folded_to_one_block_with_its_rhythm),
		cmocka_unit_test(what_the_two_sides_do_is_not_the_same),
		cmocka_unit_test(a_pause_between_two_spis_is_told_and_its_length_known),
		cmocka_unit_test(an_end_of_the_capture_is_no_silence),
		cmocka_unit_test(log_lines_are_taken_from_the_page_and_only_they),
		cmocka_unit_test(one_fault_is_one_story_with_its_symptoms_as_consequences),
		cmocka_unit_test(
			of_an_ike_sa_that_nobody_answered_it_is_not_said_that_none_came_up),
		cmocka_unit_test(asked_about_a_symptom_it_tells_the_cause_and_says_so),
		cmocka_unit_test(what_happened_names_who_did_it_when_and_in_which_frame),
		cmocka_unit_test(nothing_of_the_wire_reaches_the_terminal_unescaped),
		cmocka_unit_test(frames_of_several_files_are_found_by_time_instead),
		cmocka_unit_test(an_alert_about_a_capture_has_a_story_without_a_tunnel),
		cmocka_unit_test(the_same_as_one_json_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
