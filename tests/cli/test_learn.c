/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `sawatch learn` as the shell sees it. */
#include "cli/run.h"

static void the_draft_of_a_history_is_a_configuration_that_checks_good(void **state)
{
	(void)state;
	assert_int_equal(RUN("-r", PCAPS "healthy-ikev2.pcap", PCAPS "mirror-duplicates.pcap",
			     "--db", "h.db")
				 .status,
			 EXIT_DONE);

	struct result draft = RUN("learn", "--db", "h.db");

	assert_int_equal(draft.status, EXIT_DONE);
	assert_non_null(strstr(draft.out, "peers = 198.51.100.11, 203.0.113.21\nprofile = "
					  "site-to-site\n"));

	FILE *f = fopen("tunnels.conf", "w");

	assert_non_null(f);
	fputs(draft.out, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(RUN("config", "--check", "tunnels.conf").status, EXIT_DONE);
}

static void one_of_a_thing_is_not_said_to_be_many(void **state)
{
	(void)state;
	assert_int_equal(
		RUN("-r", PCAPS "frag-ike.pcap", PCAPS "nat-stable.pcap", "--db", "one.db").status,
		EXIT_DONE);

	struct result draft = RUN("learn", "--db", "one.db");

	assert_non_null(strstr(draft.out, "# IKEv2, 1 IKE SA, 1 from scratch; 3 child SAs"));
	assert_non_null(strstr(draft.out, "# IKEv2, 2 IKE SAs, 1 from scratch"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			the_draft_of_a_history_is_a_configuration_that_checks_good, forget),
		cmocka_unit_test_teardown(one_of_a_thing_is_not_said_to_be_many, forget),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
