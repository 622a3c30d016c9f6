/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/settings_file.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

/* inih keeps 49 characters of a section's name and drops the rest without a word. */
enum { KEY_MAX = 128, SECTION_MAX = 49 };

static const char tunnel_section[] = "tunnel";

/*
 * inih tells its handler no line numbers, so lines are counted where they are
 * read.  It also takes an indented line for a continued value; indentation is
 * taken off, because here no value has two lines.
 */
struct reading {
	FILE *in;
	int line;
	struct settings *settings;
	struct text_settings *texts;
	struct expected *expected;
	const char *tunnel;	/* name of the section being read, owned by the inventory; NULL */
	int tunnel_line;	/* where it begins */
	int wrong_line;		/* first line that was refused; 0 none */
	struct err why;
};

static void refuse_at(struct reading *r, int line, const struct err *why)
{
	if (r->wrong_line)
		return;
	r->wrong_line = line;
	r->why = *why;
}

static void refuse(struct reading *r, const struct err *why)
{
	refuse_at(r, r->line, why);
}

/* ---- sections of tunnels -------------------------------------------------- */

/* "tunnel hq-branch1" -> "hq-branch1", "" when the name is missing; NULL for any other section. */
static const char *tunnel_name(const char *section)
{
	size_t length = sizeof(tunnel_section) - 1;

	if (strncmp(section, tunnel_section, length) != 0 || !strchr(" \t", section[length]))
		return NULL;
	section += length;
	return section + strspn(section, " \t");
}

/* The section before is complete now, or never. */
static void end_tunnel(struct reading *r)
{
	const struct expected_tunnel *t = r->tunnel ? expected_named(r->expected, r->tunnel) : NULL;
	struct err why;

	r->tunnel = NULL;
	if (!t || t->has_peers)
		return;
	err_set(&why, "tunnel %s: its peers are missing; write peers = 192.0.2.1, 198.51.100.1",
		t->name);
	refuse_at(r, r->tunnel_line, &why);
}

/* A line that begins a section: "[tunnel hq-branch1]" counts even when nothing follows. */
static void begin_section(struct reading *r, const char *line)
{
	char section[SECTION_MAX + 1];
	size_t length = strcspn(line + 1, "]\r\n");
	const char *name;
	struct err why;

	end_tunnel(r);
	if (length > SECTION_MAX) {
		err_set(&why, "[%.*s]: name longer than %d characters", (int)length, line + 1,
			SECTION_MAX);
		refuse(r, &why);
		return;
	}
	memcpy(section, line + 1, length);
	section[length] = '\0';
	while (length > 0 && strchr(" \t", section[length - 1]))
		section[--length] = '\0';
	name = tunnel_name(section);
	if (!name)
		return;

	struct expected_tunnel *t = *name ? expected_add(r->expected, name) : NULL;

	r->tunnel_line = r->line;
	if (t) {
		r->tunnel = t->name;
		return;
	}
	if (*name)
		err_set(&why, "tunnel %s: there is one of this name already; give each tunnel once",
			name);
	else
		err_set(&why, "[tunnel]: its name is missing; write [tunnel hq-branch1]");
	refuse(r, &why);
}

/* ---- lines ---------------------------------------------------------------- */

static char *next_line(char *ret, int size, void *user)
{
	struct reading *r = user;

	if (!fgets(ret, size, r->in))
		return NULL;
	r->line++;
	if (!strchr(ret, '\n') && !feof(r->in)) {
		struct err why;
		int c;

		err_set(&why, "line longer than %d characters", size - 2);
		refuse(r, &why);
		while ((c = getc(r->in)) != EOF && c != '\n')
			continue;
	}

	size_t indent = strspn(ret, " \t");

	memmove(ret, ret + indent, strlen(ret + indent) + 1);
	if (*ret == '[')
		begin_section(r, ret);
	return ret;
}

static int take(void *user, const char *section, const char *name, const char *value)
{
	struct reading *r = user;
	struct err why;
	char key[KEY_MAX];

	if (r->wrong_line)
		return 1;	/* refused already, and only the first reason is told */
	if (tunnel_name(section)) {
		struct expected_tunnel *t =
			r->tunnel ? expected_named(r->expected, r->tunnel) : NULL;

		if (!t || expected_set(r->expected, t, name, value, &why))
			return 1;	/* without a tunnel: the section itself was refused */
		refuse(r, &why);
		return 0;
	}
	snprintf(key, sizeof(key), "%s%s%s", section, *section ? "." : "", name);
	if (text_settings_knows(key) ? text_settings_set(r->texts, key, value, &why) :
				       settings_set(r->settings, key, value, &why))
		return 1;
	refuse(r, &why);
	return 0;
}

/* What went wrong, the first line of it; true when nothing did. */
static bool judge(const struct reading *r, int first_wrong, const char *name, struct err *e)
{
	if (ferror(r->in))
		return err_set(e, "%s: cannot be read: %s", name, strerror(errno));
	if (first_wrong < 0)
		return err_set(e, "%s: not enough memory to read it", name);
	if (first_wrong > 0 && (r->wrong_line == 0 || first_wrong < r->wrong_line))
		return err_set(e, "%s:%d: not \"key = value\"; see sawatch config --defaults", name,
			       first_wrong);
	return r->wrong_line == 0 || err_set(e, "%s:%d: %s", name, r->wrong_line, r->why.text);
}

static bool stream_read(struct settings *s, struct expected *x, struct text_settings *t, FILE *in,
			const char *name, struct err *e)
{
	struct settings changed = *s;
	struct text_settings texts = { 0 };
	struct expected found = { 0 };
	struct reading r = { .in = in, .settings = &changed, .texts = &texts, .expected = &found };
	int first_wrong = ini_parse_stream(next_line, &r, take, &r);

	end_tunnel(&r);
	if (!judge(&r, first_wrong, name, e)) {
		expected_done(&found);
		text_settings_done(&texts);
		return false;
	}
	*s = changed;
	*x = found;
	if (t)
		text_settings_take(t, &texts);
	text_settings_done(&texts);
	return true;
}

bool settings_stream_read(struct settings *s, struct expected *x, FILE *in, const char *name,
			  struct err *e)
{
	return stream_read(s, x, NULL, in, name, e);
}

bool settings_file_read(struct settings *s, struct expected *x, const char *path, struct err *e)
{
	FILE *in = fopen(path, "re");

	if (!in)
		return err_set(e, "%s: cannot be opened: %s; sawatch config --defaults prints one "
				  "to begin with",
			       path, strerror(errno));

	bool ok = settings_stream_read(s, x, in, path, e);

	fclose(in);
	return ok;
}

bool settings_file_words(struct text_settings *t, const char *path, struct err *e)
{
	struct settings others;
	struct expected tunnels = { 0 };
	FILE *in = fopen(path, "re");

	if (!in)
		return err_set(e, "%s: cannot be opened: %s", path, strerror(errno));
	settings_defaults(&others);

	bool ok = stream_read(&others, &tunnels, t, in, path, e);

	expected_done(&tunnels);
	fclose(in);
	return ok;
}

bool settings_assign_words(struct text_settings *t, const char *assignment, struct err *e)
{
	size_t length = strcspn(assignment, "=");
	char key[KEY_MAX];
	struct err why;

	if (!assignment[length] || length >= sizeof(key))
		return true;
	snprintf(key, sizeof(key), "%.*s", (int)length, assignment);
	return !text_settings_knows(key) ||
	       text_settings_set(t, key, assignment + length + 1, &why) ||
	       err_set(e, "--set %s: %s", assignment, why.text);
}

bool settings_assign(struct settings *s, const char *assignment, struct err *e)
{
	const char *equals = strchr(assignment, '=');
	char key[KEY_MAX];
	struct err why;

	if (!equals || (size_t)(equals - assignment) >= sizeof(key))
		return err_set(e, "--set %s: not key=value; see sawatch config --defaults",
			       assignment);
	snprintf(key, sizeof(key), "%.*s", (int)(equals - assignment), assignment);
	if (text_settings_knows(key)) {
		struct text_settings words = { 0 };
		bool good = settings_assign_words(&words, assignment, e);

		text_settings_done(&words);
		return good;
	}
	if (!settings_set(s, key, equals + 1, &why))
		return err_set(e, "--set %s: %s", assignment, why.text);
	return true;
}

static const char *unit_words(enum setting_kind kind)
{
	switch (kind) {
	case SETTING_COUNT:
		return "";
	case SETTING_SECONDS:
		return " seconds";
	case SETTING_MILLISECONDS:
		return " milliseconds";
	case SETTING_RATIO:
		return " (1 is 100 %)";
	}
	return "";
}

static bool same(double a, double b)
{
	return !(a < b) && !(a > b);
}

void settings_print(FILE *out, const struct settings *s)
{
	struct settings of_files;

	settings_defaults_of_files(&of_files);
	fputs("# sawatch configuration: every setting with its present value.\n", out);
	for (const struct setting *row = settings_table(); row->key; row++) {
		double value = settings_get(s, row), for_files = settings_get(&of_files, row);
		bool differs = !same(for_files, row->initial);

		fprintf(out, "\n# %s\n# default %.15g", row->text, row->initial);
		if (differs)
			fprintf(out, " (%.15g for files, unless it is set)", for_files);
		fprintf(out, ", from %.15g to %.15g%s\n%s%s = %.15g\n", row->min, row->max,
			unit_words(row->kind), differs && same(value, row->initial) ? "# " : "",
			row->key, value);
	}
	text_settings_print(out, NULL);
	fputs("\n# Tunnels that are expected to be there, one section each.  peers: "
	      "two addresses, each with :port\n"
	      "# where NAT ports tell clients apart.  profile: site-to-site (up all the time; "
	      "the default), on-demand\n"
	      "# or remote-access (up when needed).  Any setting of a condition may differ for "
	      "one tunnel.\n"
	      "#\n# [tunnel hq-branch1]\n# peers = 192.0.2.1, 198.51.100.1\n# profile = "
	      "site-to-site\n"
	      "# churn.warn = 10\n", out);
}
