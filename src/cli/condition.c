/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/condition.h"

#include <assert.h>

#include <sawatch/detect.h>

#include "cli/cli.h"

enum { CODES_MAX = 128 };

const char *const *condition_codes(void)
{
	static const char *codes[CODES_MAX];

	for (size_t i = 0; detect_code(i); i++) {
		assert(i + 1 < CODES_MAX);
		codes[i] = detect_code(i);
	}
	return codes;
}

bool condition_known(const char *code, struct err *e)
{
	const char *near;

	if (detect_page(code))
		return true;
	near = nearest_word(code, condition_codes());
	return near ? err_set(e, "%s: no such condition; did you mean %s?", code, near)
		    : err_set(e, "%s: no such condition; sawatch explain lists them", code);
}
