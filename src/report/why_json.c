/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The story of a tunnel as one JSON object: the same facts as the text, in the same order. */
#include <jansson.h>

#include "report/json.h"
#include "report/why.h"

static json_t *json_of_list(const struct why_list *l)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < l->n; i++)
		json_array_append_new(ret, json_of_text(l->at[i]));
	return ret;
}

static json_t *json_of_seconds(nsec span)
{
	return json_real((double)(span / NSEC_PER_MS) / 1000.0);
}

static json_t *json_of_moment(const struct why_moments *m, size_t i)
{
	json_t *o = json_object();

	json_put(o, "at", json_of_time(m->at[i].at));
	json_put(o, "after_s", json_of_seconds(m->at[i].at - m->at[0].at));
	json_put(o, "text", json_of_text(m->at[i].text));
	json_put(o, "frame",
		 m->at[i].frame ? json_integer((json_int_t)m->at[i].frame) : json_null());
	return o;
}

/* Blocks: lines, and how often they came. */
static json_t *json_of_timeline(const struct why_moments *m)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < m->n;) {
		struct why_block b = why_block_at(m, i);
		json_t *o = json_object(), *lines = json_array();

		for (size_t k = 0; k < b.length; k++)
			json_array_append_new(lines, json_of_moment(m, i + k));
		json_put(o, "lines", lines);
		json_put(o, "times", json_integer((json_int_t)b.times));
		json_put(o, "every_min_s",
			 b.times > 1 ? json_of_seconds(b.every_min) : json_null());
		json_put(o, "every_max_s",
			 b.times > 1 ? json_of_seconds(b.every_max) : json_null());
		json_put(o, "until", json_of_time(b.until));
		json_array_append_new(ret, o);
		i += b.length * b.times;
	}
	return ret;
}

static json_t *json_of_advice(const struct why_advice *at, size_t n)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *o = json_object();

		json_put(o, "vendor", json_of_text(at[i].vendor));
		json_put(o, "text", json_of_text(at[i].text));
		json_put(o, "recognised", json_boolean(at[i].recognised));
		json_array_append_new(ret, o);
	}
	return ret;
}

static json_t *json_of_frames(const struct record_alert *a)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < a->n_frames; i++)
		json_array_append_new(ret, json_integer((json_int_t)a->frames[i]));
	return ret;
}

static json_t *json_of_incident(const struct why_incident *in)
{
	const struct record_alert *a = in->alert;
	json_t *o = json_object();

	json_put(o, "alert", json_integer((json_int_t)a->id));
	json_put(o, "code", json_of_text(a->code));
	json_put(o, "cause", json_of_text(a->cause));
	json_put(o, "severity", json_string(severity_text(a->severity)));
	json_put(o, "confidence", json_string(confidence_text(a->confidence)));
	json_put(o, "status", json_string(a->cleared ? "cleared" : "raised"));
	json_put(o, "first", json_of_time(a->first));
	json_put(o, "last", json_of_time(a->last));
	json_put(o, "head", in->head.n ? json_of_text(in->head.at[0]) : json_null());
	json_put(o, "summary", json_of_text(a->summary));
	json_put(o, "evidence", json_of_list(&in->evidence));
	json_put(o, "frames", json_of_frames(a));
	json_put(o, "command", json_of_text(in->filter));
	json_put(o, "consequences", json_of_list(&in->consequences));
	json_put(o, "look", json_of_list(&in->look));
	json_put(o, "for", json_of_list(&in->points));
	json_put(o, "against", json_of_list(&in->against));
	json_put(o, "actions", json_of_advice(in->steps, in->n_steps));
	json_put(o, "log_lines", json_of_advice(in->logs, in->n_logs));
	json_put(o, "confirmed_by", json_of_list(&in->confirm));
	json_put(o, "refuted_by", json_of_list(&in->refute));
	return o;
}

void why_tell_json(struct why *w, FILE *out)
{
	struct why_story s;
	json_t *o = json_begin("story"), *incidents = json_array(), *unobservable = json_array();
	char name[TUNNEL_TEXT_MAX];

	why_story_tell(&s, w);
	json_put(o, "at", json_of_time(s.tunnel ? s.tunnel->record.last :
				       s.n_incidents ? s.incidents[0].alert->last : NSEC_NONE));
	json_put(o, "tunnel",
		 s.tunnel ? json_of_text(tunnel_text(s.tunnel->record.peers, name)) : json_null());
	json_put(o, "state",
		 s.tunnel ? json_string(tunnel_state_text(s.tunnel->record.state)) : json_null());
	json_put(o, "since", s.tunnel ? json_of_time(s.tunnel->record.since) : json_null());
	json_put(o, "verdict", json_of_list(&s.verdict));
	json_put(o, "traffic", json_of_text(s.traffic));
	json_put(o, "timeline", s.tunnel ? json_of_timeline(s.moments) : json_array());
	for (size_t i = 0; i < s.n_incidents; i++)
		json_array_append_new(incidents, json_of_incident(&s.incidents[i]));
	json_put(o, "incidents", incidents);
	json_put(o, "sas", json_of_list(&s.sas));
	json_put(o, "remarks", json_of_list(&s.remarks));
	for (size_t i = 0; s.tunnel && i < s.tunnel->record.n_unobservable; i++)
		json_array_append_new(unobservable, json_of_text(s.tunnel->record.unobservable[i]));
	json_put(o, "unobservable", unobservable);
	json_put_line(out, o);
	why_story_done(&s);
}
