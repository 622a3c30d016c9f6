/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command that shows an alert's frames. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/text.h>

#include "report/people.h"
#include "report/why.h"

char *why_shell_word(const char *text)
{
	bool plain = *text && *text != '-' &&
		     strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"
				  "89_./,:=@%+-") == strlen(text);
	char *ret = malloc(4 * strlen(text) + 5), *to = ret;

	memory_or_end(ret);
	if (plain)
		return strcpy(ret, text);
	*to++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			to = stpcpy(to, "'\\''");
		else
			*to++ = *text;
	}
	stpcpy(to, "'");
	return ret;
}

static void add_frame_set(struct text *to, const struct record_alert *a)
{
	char frames[FRAMES_TEXT_MAX];

	text_add(to, "frame.number in {%s}", frames_text(a->frames, a->n_frames, ",", frames));
}

/* An alert that goes on over several files has frame numbers of each: then by time and peers. */
static void add_time_and_peers(struct text *to, const struct record_alert *a,
			       const struct seen_tunnel *t)
{
	char address[ENDPOINT_TEXT_MAX];

	text_add(to, "frame.time_epoch >= %" PRId64 " and frame.time_epoch <= %" PRId64,
		 a->first / NSEC_PER_S, a->last / NSEC_PER_S + 1);
	for (int side = 0; t && side < 2; side++) {
		struct endpoint p = { t->record.peers[side].addr, 0 };
		const char *text = endpoint_text(p, address);

		text_add(to, " and %s.addr == %s", strchr(text, ':') ? "ipv6" : "ip", text);
	}
}

static bool covers(const struct record_capture *c, nsec from, nsec to)
{
	return c->first != NSEC_NONE && c->first <= from && to <= c->last;
}

/* The file to look into; NULL when it cannot be told. */
static const char *file_of(const struct why_story *s, const struct record_alert *a,
			   const struct record_capture *own)
{
	const struct record_capture *first = NULL;
	size_t n = 0;

	if (covers(own, a->first, a->first))
		return own->name;
	for (size_t i = 0; i < s->seen->n_captures; i++) {
		if (!covers(&s->seen->captures[i], a->first, a->first))
			continue;
		first = &s->seen->captures[i];
		n++;
	}
	return n == 1 ? first->name : NULL;
}

char *why_frames_command(const struct why_story *s, const struct record_alert *a)
{
	const struct record_capture *c = NULL;
	char buffer[1024];
	struct text filter = TEXT_IN(buffer);
	char *name, *safe, *ret;
	const char *file;

	for (size_t i = 0; i < s->seen->n_captures; i++)
		if (s->seen->captures[i].id == (uint32_t)(a->id >> 32))
			c = &s->seen->captures[i];
	if (!c || !c->kind || strcmp(c->kind, "file") != 0 || a->n_frames == 0)
		return NULL;
	if (covers(c, a->first, a->last))
		add_frame_set(&filter, a);
	else
		add_time_and_peers(&filter, a, s->tunnel);
	file = file_of(s, a, c);
	safe = report_printable(!file || strcmp(file, "-") == 0 ? "FILE" : file);
	name = why_shell_word(safe);
	ret = malloc(strlen(name) + filter.used + 32);
	memory_or_end(ret);
	sprintf(ret, "tshark -r %s -Y '%s'", name, buffer);
	free(name);
	free(safe);
	return ret;
}
