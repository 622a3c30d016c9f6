/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/reload.h"

#include <string.h>

#include <sawatch/text.h>

#include "cli/cli.h"

/* Memory is taken once, at the start.  (All of them are COUNTs.) */
static bool is_a_size(const struct setting *s)
{
	return strncmp(s->key, "table.", strlen("table.")) == 0 || strncmp(s->key, "store.", strlen("store.")) == 0;
}

bool reload(const struct read_options *o, struct settings *in_effect, struct expected *ret_expected)
{
	struct settings found;
	char sizes[256] = "";
	struct text t = TEXT_IN(sizes);
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
		if (is_a_size(s)) {
			text_add(&t, "%s%s", *sizes ? ", " : "", s->key);
			memcpy((char *)&found + s->offset, (const char *)in_effect + s->offset, sizeof(int64_t));
			continue;
		}
		changed++;
	}
	*in_effect = found;
	complain("SIGHUP: %s: read again, %u setting%s changed%s%s", o->config, changed, changed == 1 ? "" : "s",
		 *sizes ? "; only a restart changes " : "", sizes);
	return true;
}
