/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lives of tunnels (engine_life.h): all that watch.h and check.h assert must
 * hold, and when the first byte asks for it a second run with another hash key
 * must tell the same.  A run has to be short, or few are made: FIRST_* says
 * what only some of them pay for.  Detectors are held to what they say that they
 * need not be shown or asked (detect/shortcuts.h).
 */
#include "engine_life.h"

#include "detect/shortcuts.h"

enum { FIRST_ROOMY = 1, FIRST_PATIENT = 4, FIRST_TWO_KEYS = 2 | 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void shortcut_is_wrong(const char *code, const char *what, int event)
{
	print_error("%s %s (event %d)\n", code, what, event);
	assert_true(false);
}

static uint64_t run(const uint8_t *data, size_t size, uint64_t key)
{
	static struct engine en;
	struct life l = life_of(&en, data, data + size);
	uint8_t first = take(&l.at, l.end);

	shortcuts_begin();
	engine_open(&en, first & FIRST_ROOMY, first & FIRST_PATIENT, key);
	begin_sessions(&l);
	live(&l, STEPS_MAX);
	return engine_finish(&en);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t told = run(data, size, 0x9e3779b97f4a7c15);

	if (size > 0 && (data[0] & FIRST_TWO_KEYS) == FIRST_TWO_KEYS)
		assert_true(run(data, size, 0x123456789abcdef1) == told);
	return 0;
}
