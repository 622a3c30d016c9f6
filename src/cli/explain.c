/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <string.h>

#include <sawatch/detect.h>

#include "cli/cli.h"

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

static int unknown_code(const char *code)
{
	const char *codes[128] = { NULL };

	for (size_t i = 0; detect_code(i) && i + 1 < sizeof(codes) / sizeof(codes[0]); i++)
		codes[i] = detect_code(i);

	const char *near = nearest_word(code, codes);

	if (near)
		complain("explain %s: no such condition; did you mean %s?", code, near);
	else
		complain("explain %s: no such condition; sawatch explain lists them", code);
	return EXIT_TROUBLE;
}

int explain_run(int argc, char **argv)
{
	if (argc < 2)
		return list_codes();
	for (int i = 1; i < argc; i++) {
		const char *page = detect_page(argv[i]);

		if (!page)
			return unknown_code(argv[i]);
		fputs(page, stdout);
	}
	return EXIT_DONE;
}
