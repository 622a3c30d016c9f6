/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The story put together: which alerts belong to one fault, and what is to be said about it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/text.h>

#include "report/people.h"
#include "report/tunnel_text.h"
#include "report/why.h"

enum {
	INCIDENTS_TOLD = 3,	/* at length */
	CHAIN_MAX = 8,		/* a symptom of a symptom of … */
};

/* ---- which alerts ---- */

static const struct record_alert *alert_by_id(const struct seen_tunnel *t, object_id id)
{
	for (size_t i = 0; i < t->n_alerts; i++)
		if (t->alerts[i].id == id)
			return &t->alerts[i];
	return NULL;
}

/* What it is a symptom of in the end; itself when it stands alone. */
static const struct record_alert *root_of(const struct seen_tunnel *t, const struct record_alert *a)
{
	for (int step = 0; step < CHAIN_MAX && a->incident != 0; step++) {
		const struct record_alert *above = alert_by_id(t, a->incident);

		if (!above || above == a)
			break;
		a = above;
	}
	return a;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static struct why_incident *incident_of(struct why_story *s, const struct record_alert *root)
{
	for (size_t i = 0; i < s->n_incidents; i++)
		if (same_text(s->incidents[i].alert->code, root->code) &&
		    same_text(s->incidents[i].alert->cause, root->cause))
			return &s->incidents[i];
	if (s->n_incidents == s->incidents_room) {
		s->incidents_room = s->incidents_room ? 2 * s->incidents_room : 4;
		s->incidents = realloc(s->incidents, s->incidents_room * sizeof(s->incidents[0]));
		memory_or_end(s->incidents);
	}
	s->incidents[s->n_incidents] =
		(struct why_incident){ .alert = root, .severity = root->severity };
	return &s->incidents[s->n_incidents++];
}

static void consequence(struct why_incident *in, const struct record_alert *a)
{
	char buffer[1024];
	struct text text = TEXT_IN(buffer);

	text_add(&text, "%s, %s: %s", a->code, severity_text(a->severity),
		 a->summary ? a->summary : "");
	if (!why_list_has(&in->consequences, buffer))
		why_list_add(&in->consequences, "%s", buffer);
}

/* The alerts come with the gravest first, and what stands alone before symptoms. */
static void choose_incidents(struct why_story *s, object_id asked)
{
	const struct seen_tunnel *t = s->tunnel;
	const struct record_alert *about = asked ? alert_by_id(t, asked) : NULL;
	const struct record_alert *root = about ? root_of(t, about) : NULL;

	for (size_t i = 0; i < t->n_alerts; i++) {
		const struct record_alert *a = &t->alerts[i], *r = root_of(t, a);

		if (root && r != root)
			continue;

		struct why_incident *in = incident_of(s, r);

		if (a == r)
			in->raised++;
		else
			consequence(in, a);
		if (!a->cleared && a->severity > in->severity)
			in->severity = a->severity;
	}
	if (about && about != root)
		why_list_add(&s->verdict, "You asked about %s: it is a consequence of %s, "
					  "which is told here.", about->code,
			     root->code);
}

/* Those of lower rank get a line. */
static void keep_the_gravest(struct why_story *s)
{
	size_t told = 0;

	for (size_t i = 0; i < s->n_incidents; i++) {
		struct why_incident *in = &s->incidents[i];
		bool grave =
			in->severity > SEVERITY_INFO || s->incidents[0].severity == SEVERITY_INFO;

		if (told < INCIDENTS_TOLD && grave) {
			s->incidents[told++] = *in;
			continue;
		}
		why_list_add(&s->remarks, "%s %s%s%s%s (alert %" PRIu64 "): %s",
			     severity_text(in->alert->severity), in->alert->code,
			     in->alert->cause ? " (" : "", in->alert->cause ? in->alert->cause : "",
			     in->alert->cause ? ")" : "", in->alert->id,
			     in->alert->summary ? in->alert->summary : "");
		why_list_done(&in->consequences);
	}
	s->n_incidents = told;
}

/* ---- what lines may speak of ---- */

static int side_named(const struct seen_tunnel *t, const char *text)
{
	char peer[ENDPOINT_TEXT_MAX];

	for (int side = 0; side < 2; side++)
		if (strcmp(text, endpoint_text(t->record.peers[side], peer)) == 0)
			return side;
	return -1;
}

/* Who starts the renewals of phase 2, when it is mostly one. */
static void add_rekeyer(struct why_values *v, const struct seen_tunnel *t)
{
	size_t n[SIDES], all = 0;
	char peer[ENDPOINT_TEXT_MAX];

	for (int side = 0; side < SIDES; side++) {
		n[side] = t->child_ages ? t->child_ages[side].n : 0;
		all += n[side];
	}
	for (int side = 0; side < 2; side++) {
		if (n[side] < 2 || n[side] * 5 < all * 4)
			continue;
		why_values_add(v, "rekeyer", endpoint_text(t->record.peers[side], peer));
		why_values_add_number(v, "rekeyer_count", (double)n[side]);
		why_values_add_number(v, "rekey_count", (double)all);
	}
}

/* Did the protected packets of the silent side stop as well? */
static void add_silent_flow(struct why_values *v, const struct why_story *s,
			    const struct record_alert *a)
{
	const struct why_value *silent = why_values_find(v, "silent");
	int side = silent ? side_named(s->tunnel, silent->text) : -1;

	if (side < 0 || s->moments->flow[side].last == NSEC_NONE)
		return;

	const struct why_flow *f = &s->moments->flow[side];
	bool paused = false, touched = f->first > a->first;

	for (size_t i = 0; i < f->n_pauses; i++) {
		paused = paused || (f->pauses[i].from <= a->last && f->pauses[i].to >= a->last);
		touched = touched || (f->pauses[i].from <= a->last && f->pauses[i].to >= a->first);
	}
	if (f->last <= a->last || paused)
		why_values_add(v, "flow_silent", "stopped");
	else if (!touched)
		why_values_add(v, "flow_silent", "runs");
}

static void gather_values(struct why_values *v, const struct why_story *s,
			  const struct record_alert *a)
{
	char peer[ENDPOINT_TEXT_MAX];

	if (s->tunnel) {
		why_values_add(v, "a", endpoint_text(s->tunnel->record.peers[0], peer));
		why_values_add(v, "b", endpoint_text(s->tunnel->record.peers[1], peer));
	}
	why_values_add_evidence(v, a->evidence, a->n_evidence);
	if (!s->tunnel)
		return;
	add_rekeyer(v, s->tunnel);
	add_silent_flow(v, s, a);
}

/* ---- advice ---- */

static bool advice_has(const struct why_advice *at, size_t n, const char *vendor, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(at[i].vendor, vendor) == 0 && strcmp(at[i].text, text) == 0)
			return true;
	return false;
}

static void advice_add(struct why_advice **at, size_t *n, size_t *room, const struct why_story *s,
		       const char *vendor, const char *text)
{
	if (advice_has(*at, *n, vendor, text))
		return;
	if (*n == *room) {
		*room = *room ? 2 * *room : 8;
		*at = realloc(*at, *room * sizeof((*at)[0]));
		memory_or_end(*at);
	}

	struct why_advice *to = &(*at)[(*n)++];

	*to = (struct why_advice){ strdup(vendor), strdup(text),
				   s->tunnel && vendor_seen(s->tunnel, vendor) };
	memory_or_end(to->vendor && to->text);
}

struct log_lines {
	struct why_story *story;
	struct why_incident *incident;
};

static void take_log_line(void *user, const char *vendor, const char *text)
{
	struct log_lines *l = user;
	struct why_incident *in = l->incident;
	bool seen = l->story->tunnel && vendor_seen(l->story->tunnel, vendor);

	if (seen || !l->story->vendors_known)
		advice_add(&in->logs, &in->n_logs, &in->logs_room, l->story, vendor, text);
}

/* Told for an incident before this one? */
static bool step_told(const struct why_story *s, const struct why_incident *in,
		      const struct record_action *a)
{
	for (const struct why_incident *before = s->incidents; before < in; before++)
		if (advice_has(before->steps, before->n_steps, a->vendor, a->text))
			return true;
	return false;
}

static void advise(struct why_story *s, struct why_incident *in, const struct why_options *o)
{
	static const char log_prefix[] = "look in its log for: ";
	const struct record_alert *a = in->alert;
	struct log_lines lines = { s, in };

	for (size_t i = 0; i < a->n_actions; i++) {
		const struct record_action *x = &a->actions[i];
		bool any = strcmp(x->vendor, "any") == 0;
		bool seen = s->tunnel && vendor_seen(s->tunnel, x->vendor);

		if (strncmp(x->text, log_prefix, strlen(log_prefix)) == 0)
			take_log_line(&lines, x->vendor, x->text + strlen(log_prefix));
		else if ((any || seen || !s->vendors_known) && !step_told(s, in, x))
			advice_add(&in->steps, &in->n_steps, &in->steps_room, s, x->vendor,
				   x->text);
	}
	if (!o->page)
		return;
	why_page_log_lines(o->page(a->code), take_log_line, &lines);
	for (size_t i = 0; s->tunnel && i < s->tunnel->n_alerts; i++) {
		const struct record_alert *then = &s->tunnel->alerts[i];

		if (then != a && then->severity > SEVERITY_INFO && root_of(s->tunnel, then) == a)
			why_page_log_lines(o->page(then->code), take_log_line, &lines);
	}
}

/* ---- one incident ---- */

/* What the symptoms ask for beyond the cure of their cause. */
static void tell_what_follows(struct why_story *s, struct why_incident *in)
{
	for (size_t i = 0; s->tunnel && i < s->tunnel->n_alerts; i++) {
		const struct record_alert *then = &s->tunnel->alerts[i];
		struct why_values values = { 0 };

		if (then == in->alert || then->cleared || root_of(s->tunnel, then) != in->alert)
			continue;
		gather_values(&values, s, then);
		why_lines(&in->look, then->code, NULL, WHY_THEN, &values);
		why_values_done(&values);
	}
}

static void tell_incident(struct why_story *s, struct why_incident *in, const struct why_options *o)
{
	const struct record_alert *a = in->alert;
	struct why_values values = { 0 };
	struct {
		struct why_list *to;
		enum why_part part;
	} parts[] = {
		{ &in->head, WHY_HEAD }, { &in->look, WHY_LOOK }, { &in->points, WHY_FOR },
		{ &in->against, WHY_AGAINST }, { &in->confirm, WHY_CONFIRM },
		{ &in->refute, WHY_REFUTE },
	};
	const char *cause = a->cause;

	gather_values(&values, s, a);
	if (!cause && why_values_find(&values, "kind"))
		cause = why_values_find(&values, "kind")->text;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		why_lines(parts[i].to, a->code, cause, parts[i].part, &values);
	/* a line for the cause tells more than the one for all causes, which comes after it */
	while (in->head.n > 1)
		free(in->head.at[--in->head.n]);
	while (in->look.n > 1)
		free(in->look.at[--in->look.n]);
	if (in->head.n == 0 && a->summary)
		why_list_add(&in->head, "%s", a->summary);
	for (size_t i = 0; i < a->n_evidence; i++)
		why_evidence_words(&in->evidence, &a->evidence[i]);
	tell_what_follows(s, in);
	in->filter = why_frames_command(s, a);
	advise(s, in, o);
	why_values_done(&values);
}

/* ---- the whole ---- */

static void tell_capture_alert(struct why_story *s, object_id asked)
{
	for (size_t i = 0; i < s->seen->n_alerts; i++)
		if (asked == 0 || s->seen->alerts[i].id == asked)
			incident_of(s, &s->seen->alerts[i])->raised++;
}

void why_story_tell(struct why_story *s, struct why *w)
{
	struct collection *c = &w->seen;

	*s = (struct why_story){ .seen = c, .moments = &w->moments };
	if (!w->settled) {
		collection_judge(c);
		if (c->n_tunnels > 0)
			why_moments_settle(&w->moments, c->tunnels[0].record.peers, c);
		w->settled = true;
	}
	s->tunnel = c->n_tunnels > 0 ? &c->tunnels[0] : NULL;
	s->one_side_stopped = w->moments.flow[0].silent != w->moments.flow[1].silent &&
			      w->moments.flow[0].last != NSEC_NONE &&
			      w->moments.flow[1].last != NSEC_NONE;
	if (s->tunnel)
		choose_incidents(s, w->options.alert);
	else
		tell_capture_alert(s, w->options.alert);
	for (size_t i = 0; s->tunnel && i < s->n_incidents; i++)
		for (size_t k = 0; k < s->incidents[i].alert->n_actions; k++)
			s->vendors_known =
				s->vendors_known ||
				vendor_seen(s->tunnel, s->incidents[i].alert->actions[k].vendor);
	keep_the_gravest(s);
	for (size_t i = 0; i < s->n_incidents; i++)
		tell_incident(s, &s->incidents[i], &w->options);
	why_tell_verdict(s);
	if (s->tunnel) {
		why_tell_traffic(s);
		why_tell_sas(s);
	}
}

static void advice_done(struct why_advice *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(at[i].vendor);
		free(at[i].text);
	}
	free(at);
}

void why_story_done(struct why_story *s)
{
	for (size_t i = 0; i < s->n_incidents; i++) {
		struct why_incident *in = &s->incidents[i];
		struct why_list *const lists[] = { &in->head, &in->evidence, &in->look, &in->points,
		&in->against,
						   &in->confirm, &in->refute, &in->consequences };

		for (size_t k = 0; k < sizeof(lists) / sizeof(lists[0]); k++)
			why_list_done(lists[k]);
		free(in->filter);
		advice_done(in->steps, in->n_steps);
		advice_done(in->logs, in->n_logs);
	}
	free(s->incidents);
	free(s->traffic);
	why_list_done(&s->verdict);
	why_list_done(&s->remarks);
	why_list_done(&s->sas);
	*s = (struct why_story){ 0 };
}
