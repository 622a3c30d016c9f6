/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Detectors need not be shown what they ignore, nor asked while they rest: that
 * is true of every event of the captures here.  fuzz_engine asks the same of
 * any event.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <cmocka.h>

#include "detect/replay.h"
#include "detect/shortcuts.h"

static size_t wrong, files;
static const char *path_at_hand;

static void shortcut_is_wrong(const char *code, const char *what, int event)
{
	if (wrong++ < 20)
		print_error("%s: %s %s (event %d)\n", path_at_hand, code, what, event);
}

static int captures_only(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && strcmp(dot, ".pcap") == 0;
}

/* By default, and with times that are short enough for conditions to come and go. */
static void replay_both_ways(const char *path)
{
	static const char *const hasty[][2] = {
		{ "settle_s", "3" }, { "idle_s", "8" }, { "judge_s", "1" },
		{ "birth_window_s", "4" }, { "oneway.window_s", "10" }, { "oneway.min_pkts", "10" },
		{ "churn.window_s", "60" }, { "life.min_age_s", "4" }, { "periodic.min_s", "4" },
	};
	static struct replay replay;

	path_at_hand = path;
	for (int way = 0; way < 2; way++) {
		settings_defaults(&replay.settings);
		for (size_t i = 0; way == 1 && i < sizeof(hasty) / sizeof(hasty[0]); i++)
			assert_true(settings_set(&replay.settings, hasty[i][0], hasty[i][1], NULL));
		replay_open(&replay);
		files += replay_file(&replay, path);
		replay_close(&replay);
		replay_free(&replay);
	}
}

static void replay_folder(const char *folder)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, captures_only, alphasort);

	for (int i = 0; i < n; i++) {
		char path[600];

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		replay_both_ways(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static void what_a_detector_need_not_be_shown_or_asked_would_change_nothing(void **state)
{
	(void)state;
	shortcuts_begin();
	replay_folder(TEST_SOURCE_DIR "/pcaps");
	replay_folder(TEST_SOURCE_DIR "/tests/golden/gateways");
	replay_folder(TEST_SOURCE_DIR "/../shared/captures/lab");	/* not part of this tree */
	assert_int_equal(wrong, 0);
	assert_true(files >= 2);
	assert_true(shortcuts_taken.ignored > 1000 && shortcuts_taken.rested > 1000 &&
		    shortcuts_taken.looked > 1000 && shortcuts_taken.fresh > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			what_a_detector_need_not_be_shown_or_asked_would_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
