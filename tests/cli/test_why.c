/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch why` as the shell sees it, on the sample captures. */
#include "cli/run.h"

#include <sawatch/detect.h>

#include "report/why.h"

#define ANSWERED PCAPS "auth-retransmit-answered.pcap"
#define SILENT PCAPS "auth-retransmit-noresponse.pcap"
#define HEALTHY PCAPS "healthy-ikev2.pcap"

static struct result ran;	/* the latest */

static void assert_told(const char *part)
{
	if (!strstr(ran.out, part))
		fail_msg("\"%s\" is missing in:\n%s%s", part, ran.out, ran.err);
}

static void a_capture_with_one_ill_tunnel_needs_no_further_word(void **state)
{
	(void)state;
	ran = RUN("why", "-r", ANSWERED);
	assert_int_equal(ran.status, EXIT_DONE);
	assert_string_equal(ran.err, "");
	assert_ptr_equal(strstr(ran.out, "CRITICAL\n"), ran.out);
	assert_told("198.51.100.32 repeats its login message (IKE_AUTH)");
	assert_told("Look at 198.51.100.32 and at the way back to it, not at 203.0.113.42.");
	assert_told("-Y 'frame.number in {5,21,31,45,46,51}'");
	assert_told("established IKE SA limit 4 reached");	/* from the page */
	assert_told("confirmed by: Capture on 198.51.100.32 itself.");
	assert_told("... these 3 lines once more, after 17.8 s, until 02:50:23.380");
}

static void no_answer_is_another_story_than_answers_that_are_not_heard(void **state)
{
	(void)state;
	ran = RUN("why", "-r", SILENT, "ike_auth_retransmit");
	assert_int_equal(ran.status, EXIT_DONE);
	assert_told("203.0.113.40 never answers it");
	assert_told("Look at 203.0.113.40 and at the path to it");
	assert_told("No traffic passes");
}

static void a_healthy_tunnel_is_called_healthy_and_still_told(void **state)
{
	(void)state;
	ran = RUN("why", "-r", HEALTHY);
	assert_int_equal(ran.status, EXIT_DONE);
	assert_ptr_equal(strstr(ran.out, "HEALTHY\n"), ran.out);
	assert_told("198.51.100.11 renews phase 2 (rekey) at the age of 6 min 00 s");
	assert_told("No interruption of the traffic was seen:");
}

static void silence_of_one_side_is_not_called_healthy(void **state)
{
	(void)state;
	ran = RUN("why", "-r", PCAPS "one-way.pcap", "--set", "oneway.window_s=3600");
	assert_int_equal(ran.status, EXIT_DONE);
	assert_ptr_equal(strstr(ran.out, "NO ALERT\n"), ran.out);
	assert_told("No packet came from 203.0.113.71 after 2026-11-22 02:53:38 UTC");
	assert_null(strstr(ran.out, "No interruption of the traffic was seen"));
}

static void of_several_ill_tunnels_the_choice_is_shown(void **state)
{
	(void)state;
	ran = RUN("why", "-r", ANSWERED, SILENT);
	assert_int_equal(ran.status, EXIT_DONE);
	assert_told("198.51.100.30<->203.0.113.40");
	assert_told("198.51.100.32<->203.0.113.42");
	ran = RUN("why", "-r", HEALTHY, PCAPS "frag-ike.pcap");	/* nor of well ones */
	assert_int_equal(ran.status, EXIT_DONE);
	assert_told("  up        198.51.100.11<->203.0.113.21\n");
	ran = RUN("why", "-r", ANSWERED, SILENT, "--json");
	assert_int_equal(ran.status, EXIT_TROUBLE);
	assert_string_equal(ran.out, "");
	ran = RUN("why", "-r", ANSWERED, SILENT, "ike_auth_retransmit");
	assert_int_equal(ran.status, EXIT_TROUBLE);
	assert_non_null(strstr(ran.err, "raised for several tunnels"));
}

static void a_tunnel_can_be_named_in_every_way(void **state)
{
	static const char *const names[] = {
		"198.51.100.32<->203.0.113.42", "203.0.113.42<->198.51.100.32", "198.51.100.32",
		"203.0.113.42",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ran = RUN("why", "-r", ANSWERED, SILENT, names[i]);
		assert_int_equal(ran.status, EXIT_DONE);
		assert_told("The tunnel 198.51.100.32<->203.0.113.42 is");
		ran = RUN("why", names[i], "-nr", ANSWERED);
		assert_int_equal(ran.status, EXIT_DONE);
	}
}

static void the_history_tells_the_same_story_as_the_capture(void **state)
{
	char path[] = "/tmp/sawatch-test-XXXXXX";
	int fd = mkstemp(path);
	char *story;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	ran = RUN("-r", ANSWERED, "--db", path);
	ran = RUN("why", "-r", ANSWERED);
	story = strdup(ran.out);
	ran = RUN("why", "--db", path);
	assert_string_equal(ran.out, story);
	ran = RUN("why", "4294967297", "--db", path);	/* the first alert of the first capture */
	assert_string_equal(ran.out, story);
	ran = RUN("why", "1", "--db", path);
	assert_string_equal(ran.out, story);
	ran = RUN("why", "--db", path, "--json");
	assert_int_equal(ran.status, EXIT_DONE);
	assert_ptr_equal(strstr(ran.out, "{\"_v\":1,\"type\":\"story\","), ran.out);
	free(story);
	unlink(path);
}

static void what_is_not_there_is_an_error_that_names_it(void **state)
{
	(void)state;
	ran = RUN("why", "-r", ANSWERED, "192.0.2.99");
	assert_int_equal(ran.status, EXIT_TROUBLE);
	assert_non_null(strstr(ran.err, "192.0.2.99"));
	ran = RUN("why", "-r", ANSWERED, "nat_rebind");
	assert_int_equal(ran.status, EXIT_TROUBLE);
	assert_non_null(strstr(ran.err, "no such alert"));
	ran = RUN("why", "-r", ANSWERED, "one", "two");
	assert_int_equal(ran.status, EXIT_TROUBLE);
	ran = RUN("why");
	assert_int_equal(ran.status, EXIT_TROUBLE);
	assert_non_null(strstr(ran.err, "--db FILE"));
	ran = RUN("why", "-r", PCAPS "README.md");
	assert_int_equal(ran.status, EXIT_INPUT);
}

static bool said(const char *code, enum why_part part)
{
	const struct why_line *const tables[] = {
		why_stability, why_setup, why_renewal, why_traffic, why_capture,
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct why_line *l = tables[i]; l->code; l++)
			if (strcmp(l->code, code) == 0 && l->part == part)
				return true;
	return false;
}

static void every_condition_that_can_be_raised_has_its_part_of_the_story(void **state)
{
	(void)state;
	for (size_t i = 0; detect_code(i); i++)
		if (!said(detect_code(i), WHY_HEAD) || !said(detect_code(i), WHY_LOOK) ||
		    !said(detect_code(i), WHY_CONFIRM) || !said(detect_code(i), WHY_REFUTE))
			fail_msg("%s", detect_code(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			a_capture_with_one_ill_tunnel_needs_no_further_word, forget),
		cmocka_unit_test_teardown(
			no_answer_is_another_story_than_answers_that_are_not_heard, forget),
		cmocka_unit_test_teardown(
			a_healthy_tunnel_is_called_healthy_and_still_told, forget),
		cmocka_unit_test_teardown(silence_of_one_side_is_not_called_healthy, forget),
		cmocka_unit_test_teardown(of_several_ill_tunnels_the_choice_is_shown, forget),
		cmocka_unit_test_teardown(a_tunnel_can_be_named_in_every_way, forget),
		cmocka_unit_test_teardown(the_history_tells_the_same_story_as_the_capture, forget),
		cmocka_unit_test_teardown(what_is_not_there_is_an_error_that_names_it, forget),
		cmocka_unit_test_teardown(
			every_condition_that_can_be_raised_has_its_part_of_the_story, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
