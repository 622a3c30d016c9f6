/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/reload.h"

#include <string.h>

#include <sawatch/text.h>

#include "cli/cli.h"

/* What was sized or begun at the start. */
static bool is_fixed(const struct setting *s)
{
	static const char *const sections[] = { "table.", "store.", "syslog.", "metrics.", "on_alert." };

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		if (strncmp(s->key, sections[i], strlen(sections[i])) == 0)
			return true;
	return false;
}

static void keep(const struct setting *s, const struct settings *old, struct settings *new)
{
	_Static_assert(sizeof(int64_t) == sizeof(nsec) && sizeof(int64_t) == sizeof(double), "settings are of one size");
	memcpy((char *)new + s->offset, (const char *)old + s->offset, sizeof(int64_t));
}

bool reload(const struct read_options *o, struct settings *in_effect, struct expected *ret_expected)
{
	struct settings found;
	char fixed[256] = "";
	struct text t = TEXT_IN(fixed);
	unsigned changed = 0;
	struct err e;

	if (!o->config) {
		complain("SIGHUP: there is no --config to read again");
		return false;
	}
	if (!read_options_settings(o, &found, ret_expected, &e)) {
		complain("SIGHUP: %s; the settings stay as they were", e.text);
		return false;
	}
	for (const struct setting *s = settings_table(); s->key; s++) {
		double now = settings_get(in_effect, s), then = settings_get(&found, s);

		if (now == then)
			continue;
		if (is_fixed(s)) {
			text_add(&t, "%s%s", *fixed ? ", " : "", s->key);
			keep(s, in_effect, &found);
			continue;
		}
		changed++;
	}
	*in_effect = found;
	complain("SIGHUP: %s: read again, %u setting%s changed%s%s", o->config, changed, changed == 1 ? "" : "s",
		 *fixed ? "; only a restart changes " : "", fixed);
	return true;
}
