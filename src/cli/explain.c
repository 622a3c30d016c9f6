/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <sawatch/detect.h>

#include "cli/cli.h"
#include "cli/condition.h"

/* Pages begin with "# code: what it is": the list shows what follows the colon. */
static void put_title(const char *page)
{
	const char *colon = page ? strstr(page, ": ") : NULL;

	if (colon)
		printf("%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
}

static int list_codes(void)
{
	for (size_t i = 0; detect_code(i); i++) {
		printf("%-22s ", detect_code(i));
		put_title(detect_page(detect_code(i)));
		putchar('\n');
	}
	return EXIT_DONE;
}

int explain_run(int argc, char **argv)
{
	if (argc < 2)
		return list_codes();
	for (int i = 1; i < argc; i++) {
		struct err e;

		if (!condition_known(argv[i], &e)) {
			complain("explain %s", e.text);
			return EXIT_TROUBLE;
		}
		fputs(detect_page(argv[i]), stdout);
	}
	return EXIT_DONE;
}
