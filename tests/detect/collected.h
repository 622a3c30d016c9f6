/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A sink that keeps the latest state of every alert, for tests to look at. */
#ifndef TESTS_DETECT_COLLECTED_H
#define TESTS_DETECT_COLLECTED_H

#include <stdio.h>
#include <string.h>

#include <sawatch/record.h>

enum { COLLECTED_MAX = 64 };

struct collected_alert {
	struct record_alert record;	/* its borrowed strings are void; use the copies */
	char code[40], summary[700], cause[40];
	struct { char name[40], text[130]; double number; } evidence[24];
	struct { char vendor[24], text[300]; } actions[24];
	int told;			/* how often the sink was called for it */
};

struct collected {
	size_t n;
	int calls;
	struct collected_alert alert[COLLECTED_MAX];
};

static inline struct collected_alert *collected_see(struct collected *c, object_id id)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->alert[i].record.id == id)
			return &c->alert[i];
	if (c->n == COLLECTED_MAX)
		return &c->alert[COLLECTED_MAX - 1];
	memset(&c->alert[c->n], 0, sizeof(c->alert[0]));
	return &c->alert[c->n++];
}

static inline void collected_take(void *user, const struct record_alert *r)
{
	struct collected *c = user;
	struct collected_alert *a = collected_see(c, r->id);

	c->calls++;
	a->told++;
	a->record = *r;
	snprintf(a->code, sizeof(a->code), "%s", r->code);
	snprintf(a->summary, sizeof(a->summary), "%s", r->summary);
	snprintf(a->cause, sizeof(a->cause), "%s", r->cause ? r->cause : "");
	memset(a->evidence, 0, sizeof(a->evidence));
	for (size_t i = 0; i < r->n_evidence && i < 24; i++) {
		const struct record_evidence *e = &r->evidence[i];

		snprintf(a->evidence[i].name, sizeof(a->evidence[i].name), "%s", e->name);
		if (e->type == EVIDENCE_TEXT)
			snprintf(a->evidence[i].text, sizeof(a->evidence[i].text), "%s", e->text);
		a->evidence[i].number = e->type == EVIDENCE_INTEGER ? (double)e->integer :
					e->type == EVIDENCE_REAL ? e->real : 0;
	}
	memset(a->actions, 0, sizeof(a->actions));
	for (size_t i = 0; i < r->n_actions && i < 24; i++) {
		snprintf(a->actions[i].vendor, sizeof(a->actions[i].vendor), "%s",
			 r->actions[i].vendor);
		snprintf(a->actions[i].text, sizeof(a->actions[i].text), "%s", r->actions[i].text);
	}
}

/* The first collected alert of this code; NULL when there is none. */
static inline const struct collected_alert *collected_find(const struct collected *c,
							   const char *code)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->alert[i].code, code) == 0)
			return &c->alert[i];
	return NULL;
}

static inline double collected_number(const struct collected_alert *a, const char *name)
{
	for (size_t i = 0; i < 24; i++)
		if (strcmp(a->evidence[i].name, name) == 0)
			return a->evidence[i].number;
	return -1;
}

static inline const char *collected_text(const struct collected_alert *a, const char *name)
{
	for (size_t i = 0; i < 24; i++)
		if (strcmp(a->evidence[i].name, name) == 0)
			return a->evidence[i].text;
	return "";
}

/* Alerts at this severity or above. */
static inline size_t collected_at_least(const struct collected *c, enum severity severity)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->alert[i].record.severity >= severity;
	return n;
}

#endif
