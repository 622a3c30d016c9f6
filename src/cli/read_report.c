/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The report at the end of `sawatch -r …`, made from one walk over the rows of its captures. */
#include "cli/read_report.h"

#include <sawatch/nsec.h>
#include <sawatch/record.h>
#include <sawatch/report.h>

#include "cli/cli.h"
#include "cli/output.h"

/* The sink of a writer, with the worst severity noted on the way. */
struct watched_sink {
	struct record_sink sink;
	int worst;
};

static void watch_alert(void *user, const struct record_alert *a)
{
	struct watched_sink *w = user;

	if ((int)a->severity > w->worst)
		w->worst = (int)a->severity;
	w->sink.alert(w->sink.user, a);
}

#define PASS_ON(kind)                                                             \
	static void pass_##kind(void *user, const struct record_##kind *r)        \
	{                                                                         \
		struct watched_sink *w = user;                                    \
                                                                                  \
		w->sink.kind(w->sink.user, r);                                    \
	}

PASS_ON(capture)
PASS_ON(tunnel)
PASS_ON(ike_sa)
PASS_ON(esp_sa)
PASS_ON(child_sa)
PASS_ON(exchange)
PASS_ON(event)

static bool walk(const struct reading *r, struct record_sink to, int *ret_worst, struct err *e)
{
	struct watched_sink w = { .sink = to, .worst = -1 };
	struct record_sink sink = {
		.user = &w,
		.capture = to.capture ? pass_capture : NULL,
		.tunnel = to.tunnel ? pass_tunnel : NULL,
		.ike_sa = to.ike_sa ? pass_ike_sa : NULL, .esp_sa = to.esp_sa ? pass_esp_sa : NULL,
		.child_sa = to.child_sa ? pass_child_sa : NULL,
		.exchange = to.exchange ? pass_exchange : NULL,
		.event = to.event ? pass_event : NULL, .alert = watch_alert,
	};
	struct store_scope scope = {
		/* a history that was begun for this diagnosis holds nothing else */
		.captures = reading_only_diagnoses(r) ? NULL : r->captures,
		.n_captures = r->n_captures, .since = NSEC_NONE, .until = NSEC_NONE,
	};
	bool ok = store_walk(r->store, &scope, &sink, e);

	*ret_worst = w.worst;
	return ok;
}

struct diagnosis *read_diagnosis(const struct read_options *o)
{
	struct diagnosis *d = diagnosis_open(&(struct diagnosis_options){
		.colour = output_has_colour(reading_words(o)), .verbose = o->verbose,
		.quiet = o->quiet,
	});

	diagnosis_expect(d, &o->expected, !o->filter);
	return d;
}

bool read_report(const struct reading *r, int *ret_worst)
{
	const struct read_options *o = r->options;
	FILE *out = reading_words(o);
	struct err e;
	bool ok;

	if (r->diagnosis) {	/* it has everything */
		diagnosis_print(r->diagnosis, out);
		*ret_worst = diagnosis_worst(r->diagnosis);
		return output_finish(out);
	}
	if (r->follow && o->json) {	/* all of it was told as it happened and ended */
		*ret_worst = follow_worst(r->follow);
		return output_finish(out);
	}
	if (r->teller)
		return r->teller->tell(r->teller->user, r->store, r->captures, r->n_captures) &&
		       output_finish(out);
	if (o->json) {
		ok = walk(r, report_json(out), ret_worst, &e);
	} else {
		struct diagnosis *d = read_diagnosis(o);

		ok = walk(r, diagnosis_sink(d), ret_worst, &e);
		if (ok)
			diagnosis_print(d, out);
		diagnosis_close(d);
	}
	if (!ok)
		complain("%s", e.text);
	return output_finish(out) && ok;
}
