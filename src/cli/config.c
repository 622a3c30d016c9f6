/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include "cli/cli.h"
#include "cli/settings_file.h"

int config_run(int argc, char **argv)
{
	struct settings settings;
	struct expected expected = { 0 };
	struct err e;

	settings_defaults(&settings);
	if (argc == 2 && strcmp(argv[1], "--defaults") == 0) {
		settings_print(stdout, &settings);
		return EXIT_DONE;
	}
	if (argc == 3 && strcmp(argv[1], "--check") == 0) {
		if (!settings_file_read(&settings, &expected, argv[2], &e)) {
			complain("%s", e.text);
			return EXIT_TROUBLE;
		}
		if (expected.n > 0)
			printf("%s: good, tunnels expected: %zu\n", argv[2], expected.n);
		else
			printf("%s: good\n", argv[2]);
		expected_done(&expected);
		return EXIT_DONE;
	}
	complain("config: needs --defaults or --check FILE; see sawatch config --help");
	return EXIT_TROUBLE;
}
