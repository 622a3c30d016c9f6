/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configuration files, and the same bytes as a --set of the command line. */
#include <sawatch/expected.h>
#include <sawatch/settings.h>

#include "cli/settings_file.h"
#include "property.h"

static void check_text(const struct err *e)
{
	MUST(e->text[0] != '\0');
	for (const char *c = e->text; *c; c++)
		MUST((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void check_limits(const struct settings *s)
{
	for (const struct setting *row = settings_table(); row->key; row++) {
		double value = settings_get(s, row);

		MUST(value >= row->min && value <= row->max);
	}
}

/* It is found by its name and by its peers, and its own settings are within the limits. */
static void check_expected(const struct expected *x, const struct expected_tunnel *t,
			   const struct settings *general)
{
	struct settings own;

	MUST(t->name[0] != '\0' && expected_named((struct expected *)(uintptr_t)x, t->name) == t);
	MUST(t->has_peers && endpoint_compare(t->peers[0], t->peers[1]) <= 0);
	MUST(expected_find(x, t->peers) < x->n);
	expected_settings(t, general, &own);
	check_limits(&own);
}

static bool read_bytes(struct settings *s, const void *data, size_t size, struct err *e)
{
	FILE *in = fmemopen((void *)(uintptr_t)data, size, "r");

	MUST(in);

	struct expected expected = { 0 };
	bool ok = settings_stream_read(s, &expected, in, "sawatch.conf", e);

	MUST(ok || expected.n == 0);
	for (size_t i = 0; i < expected.n; i++)
		check_expected(&expected, &expected.tunnel[i], s);
	expected_done(&expected);
	fclose(in);
	return ok;
}

/* What is printed reads back as the same. */
static void check_printed(const struct settings *s)
{
	struct settings again;
	struct err e = { "" };
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	MUST(out);
	settings_print(out, s);
	fclose(out);
	settings_defaults(&again);
	MUST(read_bytes(&again, text, length, &e));
	MUST(memcmp(&again, s, sizeof(again)) == 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings s, before;
	struct err e = { "" };

	if (size == 0)
		return 0;
	settings_defaults(&s);
	before = s;

	char *assignment = strndup((const char *)data, size);

	MUST(assignment);
	if (settings_assign(&s, assignment, &e))
		check_limits(&s);
	else
		check_text(&e);
	free(assignment);

	s = before;
	if (read_bytes(&s, data, size, &e)) {
		check_limits(&s);
		/* the defaults are printed and read by a test of their own */
		if (memcmp(&s, &before, sizeof(s)) != 0)
			check_printed(&s);
	} else {
		check_text(&e);
		MUST(memcmp(&s, &before, sizeof(s)) == 0);
	}
	return 0;
}
