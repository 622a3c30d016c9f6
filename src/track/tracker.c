/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tracker as a whole: its time, its end, what may be asked of it, and its tables. */
#include "track/tracker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>

enum { SPI_HINTS = 65536, STRANGERS_LEAST = 16384, CACHE_LINE = 64,
       SMALL = 32768 /* ESP SAs, 4 MiB: what translation look-aside buffers reach */ };

void tracker_reach(struct tracker *t, nsec at)
{
	if (at >= t->next_due) {
		uint64_t frame = t->frame;

		t->frame = 0;		/* what time decides has no frame */
		timers_run(t, at);
		t->frame = frame;
	}
	if (t->now == NSEC_NONE || at > t->now)
		t->now = at;
}

object_id tracker_number(struct tracker *t, enum object_kind kind)
{
	unsigned i = 0;

	while (i < t->n_numbers && t->numbers[i].capture != t->capture)
		i++;
	if (i == t->n_numbers) {
		if (t->n_numbers == CAPTURES_MAX) {	/* the oldest capture is long read */
			memmove(t->numbers, t->numbers + 1,
				(CAPTURES_MAX - 1) * sizeof(*t->numbers));
			i = CAPTURES_MAX - 1;
		} else {
			t->n_numbers++;
		}
		t->numbers[i] = (struct capture_numbers){ .capture = t->capture };
	}
	return object_id_of(t->capture, ++t->numbers[i].next[kind]);
}

void tracker_dropped(struct tracker *t, nsec from, nsec to, uint64_t n)
{
	to = tracker_bounded(to);
	struct event ev = event_of(t, EVENT_CAPTURE_LOSS, to, NO_INDEX);

	if (n == 0)
		return;
	from = tracker_bounded(from);
	if (t->now == NSEC_NONE)
		t->now = to;		/* before the first packet: the detectors need a time */
	for (uint32_t i = 0; i < t->tunnel_pool.high; i++)
		if (t->tunnels[i].flags & TUNNEL_USED)
			t->tunnels[i].loss_last = nsec_later(t->tunnels[i].loss_last, to);
	ev.value[1] = to - from;
	ev.value[2] = (int64_t)n;
	ev.frame = 0;
	hygiene_dropped(t, from, to, n);
	event_emit(t, &ev);
}

void tracker_advance(struct tracker *t, nsec now)
{
	tracker_reach(t, tracker_bounded(now));
}

static void finish_ike_sa(struct tracker *t, uint32_t i)
{
	struct ike_sa *sa = &t->ike_sas[i];

	if (sa->end_reason == END_NONE)
		ike_sa_due(t, i, t->now, true);
	if (!(sa->flags & IKE_SA_USED))
		return;
	/* of an SA that had ended before, too: an exchange may have begun after its end */
	for (int slot = 0; slot < 2; slot++)
		if (sa->current[slot]->id != 0 && !sa->current[slot]->closed &&
		    sa->current[slot]->responses > 0)
			exchange_close(t, sa->current[slot], OUTCOME_ANSWERED, t->now);
	ike_sa_end(t, i, NSEC_NONE, END_CAPTURE_END, SIDE_UNKNOWN, sa->grade);
}

void tracker_leave(struct tracker *t)
{
	index_free(&t->esp_index);
	index_free(&t->path_index);
	index_free(&t->ike_index);
	index_free(&t->initiator_index);
	pool_free(&t->path_pool);
	free(t->paths);
	t->paths = NULL;
	timers_free(t);
}

void tracker_end(struct tracker *t)
{
	t->frame = 0;
	if (t->now == NSEC_NONE)
		return;
	t->finishing = true;
	for (uint32_t i = 0; i < t->tunnel_pool.high; i++)
		for (int side = 0; side < 2 && t->tunnels[i].flags & TUNNEL_USED; side++)
			hygiene_judge_unseen(t, i, side, t->now);
	for (uint32_t i = 0; i < t->ike_pool.high; i++)
		if (t->ike_sas[i].flags & IKE_SA_USED)
			finish_ike_sa(t, i);
	for (uint32_t i = 0; i < t->tunnel_pool.high; i++) {
		struct tunnel *w = &t->tunnels[i];

		if (!(w->flags & TUNNEL_USED))
			continue;
		child_settle_all(t, i, t->now, true);
		restraint_reconsider(t, i);
		hygiene_judge_mirror(t, i, t->now);
		for (uint32_t c = w->child_sas; c != NO_INDEX; c = t->child_sas[c].next_in_tunnel)
			child_end(t, c, NSEC_NONE, END_CAPTURE_END, SIDE_UNKNOWN,
				  t->child_sas[c].grade);
		for (int d = 0; d < 2; d++)
			for (uint32_t e = w->esp_sas[d]; e != NO_INDEX;
			     e = t->esp_sas[e].next_in_direction) {
				w->last = nsec_later(w->last, t->esp_sas[e].last);
				w->side[d].esp_last =
					nsec_later(w->side[d].esp_last, t->esp_sas[e].last);
				esp_end(t, e, NSEC_NONE, END_CAPTURE_END, SIDE_UNKNOWN,
					t->esp_sas[e].grade);
			}
		tunnel_judge(t, i, t->now);
		if (w->state_since == NSEC_NONE)
			w->state_since = w->first;
		restraint_tell(t, i, t->now, true);
		struct event ev = event_of(t, EVENT_TICK, t->now, i);

		event_emit(t, &ev);
		w->flags |= TUNNEL_DIRTY;
	}
	restraint_tell_strangers(t, t->now, true);
}

void tracker_finish(struct tracker *t, bool final)
{
	if (final)
		tracker_end(t);
	tracker_flush(t);
}

nsec tracker_now(const struct tracker *t)
{
	return t->now;
}

const struct settings *tracker_settings(const struct tracker *t)
{
	return t->settings;
}

const struct tunnel *tracker_tunnel(const struct tracker *t, uint32_t i)
{
	return i < t->tunnel_pool.high && (t->tunnels[i].flags & TUNNEL_USED) ? &t->tunnels[i]
									      : NULL;
}

const struct ike_sa *tracker_ike_sa(const struct tracker *t, uint32_t i)
{
	return i < t->ike_pool.high && (t->ike_sas[i].flags & IKE_SA_USED) ? &t->ike_sas[i] : NULL;
}

const struct child_sa *tracker_child_sa(const struct tracker *t, uint32_t i)
{
	return i < t->child_pool.high && (t->child_sas[i].flags & CHILD_SA_USED) ? &t->child_sas[i]
										 : NULL;
}

const struct esp_sa *tracker_esp_sa(const struct tracker *t, uint32_t i)
{
	return i < t->esp_pool.high && (t->esp_sas[i].flags & ESP_SA_USED) ? &t->esp_sas[i] : NULL;
}

const struct esp_sa_more *tracker_esp_more(const struct tracker *t, const struct esp_sa *sa)
{
	return esp_more(t, sa);
}

struct esp_ends tracker_esp_ends(const struct tracker *t, const struct esp_sa *sa)
{
	return esp_ends(t, sa);
}

bool tracker_knows(struct tracker *t, struct addr a, struct addr b)
{
	int8_t side;
	uint32_t i =
		path_find_tunnel(t, (struct endpoint){ a, 0 }, (struct endpoint){ b, 0 }, &side);

	return i != NO_INDEX && t->tunnels[i].state == TUNNEL_UP;
}

uint32_t tracker_tunnels(const struct tracker *t)
{
	return t->tunnel_pool.high;
}

void tracker_counters(const struct tracker *t, struct tracker_counters *ret)
{
	*ret = t->counters;
}

void tracker_counters_reset(struct tracker *t)
{
	t->counters = (struct tracker_counters){ .first = NSEC_NONE, .last = NSEC_NONE };
	t->calm_until = NSEC_NONE;	/* the next frame is the first */
}

/* ---- its tables ----------------------------------------------------------- */

static_assert(sizeof(struct esp_sa) % CACHE_LINE == 0, "an ESP SA begins a cache line");

static bool make_tables(struct tracker *t)
{
	uint32_t tunnels = (uint32_t)t->settings->tables_tunnels,
		 ike = (uint32_t)t->settings->tables_ike_sas;
	uint32_t children = (uint32_t)t->settings->tables_child_sas,
		 esp = (uint32_t)t->settings->tables_esp_sas;
	uint32_t paths = tunnels * TUNNEL_PATHS;	/* each tunnel keeps to its share */

	uint32_t strangers = STRANGERS_LEAST;	/* counted, a word each */

	while (strangers < esp / 4)
		strangers *= 2;
	t->strangers_mask = strangers - 1;
	t->esp_by_spi_mask = SPI_HINTS - 1;
	t->esp_memory = memory_table((size_t)esp + 1, sizeof(*t->esp_sas));
	if (!t->esp_memory)
		return false;
	if (esp > SMALL)
		memory_in_large_pages((struct esp_sa *)t->esp_memory + SMALL,
				      (size_t)(esp - SMALL) * sizeof(*t->esp_sas));
	t->esp_sas = (struct esp_sa *)(((uintptr_t)t->esp_memory + CACHE_LINE - 1) / CACHE_LINE *
				       CACHE_LINE);
	return pool_new(&t->tunnel_pool, tunnels) && pool_new(&t->path_pool, paths) &&
	       pool_new(&t->ike_pool, ike) && pool_new(&t->child_pool, children) &&
	       pool_new(&t->esp_pool, esp) && index_new(&t->path_index, paths) &&
	       index_new(&t->ike_index, ike) && index_new(&t->initiator_index, ike) &&
	       index_new(&t->esp_index, esp) &&
	       (t->tunnels = memory_table(tunnels, sizeof(*t->tunnels))) &&
	       (t->tunnel_more = memory_table(tunnels, sizeof(*t->tunnel_more))) &&
	       (t->peer_marks = memory_table(tunnels, sizeof(*t->peer_marks))) &&
	       (t->unowned_ended = memory_table(tunnels, sizeof(*t->unowned_ended))) &&
	       (t->paths = memory_table(paths, sizeof(*t->paths))) &&
	       (t->ike_sas = memory_table(ike, sizeof(*t->ike_sas))) &&
	       (t->answerer_asked = memory_table(ike, sizeof(*t->answerer_asked))) &&
	       (t->ike_few = memory_table(ike, sizeof(*t->ike_few))) &&
	       (t->ike_many = memory_table(ike, sizeof(*t->ike_many))) &&
	       (t->ike_vendors =
			memory_table((size_t)ike * TRACK_VENDORS_MAX, sizeof(*t->ike_vendors))) &&
	       (t->child_sas = memory_table(children, sizeof(*t->child_sas))) &&
	       (t->child_more = memory_table(children, sizeof(*t->child_more))) &&
	       (t->esp_more = memory_table(esp, sizeof(*t->esp_more))) &&
	       (t->esp_wide = memory_table(esp, sizeof(*t->esp_wide))) &&
	       pool_new(&t->rare_pool, esp) &&
	       (t->esp_rare = memory_table(esp, sizeof(*t->esp_rare))) &&
	       (t->esp_by_spi = calloc(SPI_HINTS, sizeof(*t->esp_by_spi))) &&
	       (t->clients = calloc(CLIENT_HINTS, sizeof(*t->clients))) &&
	       (t->timers = memory_table((size_t)tunnels + ike, sizeof(*t->timers))) &&
	       (t->timer_of_tunnel = memory_table(tunnels, sizeof(*t->timer_of_tunnel))) &&
	       (t->timer_of_ike_sa = memory_table(ike, sizeof(*t->timer_of_ike_sa))) &&
	       (t->recent = calloc(RECENT_MESSAGES, sizeof(*t->recent))) &&
	       (t->deletes =
			memory_table((size_t)tunnels * PENDING_DELETES, sizeof(*t->deletes))) &&
	       (t->strangers = calloc(strangers, sizeof(*t->strangers)));
}

/*
 * SPIs are random: page by page all of it would be touched within a day.  Better now than by and
 * by.
 */
static void touch(uint32_t *table, size_t n)
{
	volatile uint32_t *at = table;

	for (size_t i = 0; i < n; i += 4096 / sizeof(*table))
		at[i] = 0;
}

struct tracker *tracker_new(const struct settings *settings, const struct hash_key *key,
			    const struct tracker_handler *handler)
{
	struct tracker *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->settings = settings;
	t->key = *key;
	t->handler = *handler;
	t->now = t->watched_until = t->watched_since = t->drops_told = t->calm_until = NSEC_NONE;
	t->next_due = INT64_MAX;
	t->purse_strangers = t->purse_answered = t->purse_tunnels = t->purse_young =
		t->purse_births = NSEC_NONE;
	t->loss_until = t->loss_told = t->jump_from = t->jump_to = t->jump_told = t->doubted =
		NSEC_NONE;
	tracker_counters_reset(t);
	for (unsigned i = 0; i < RECENT_GAPS; i++)
		t->gaps[i].at = NSEC_NONE;
	if (!make_tables(t)) {
		tracker_free(t);
		return NULL;
	}
	touch(t->esp_by_spi, SPI_HINTS);
	for (unsigned i = 0; i < RECENT_MESSAGES; i++)
		t->recent[i].tunnel = NO_INDEX;
	return t;
}

void tracker_free(struct tracker *t)
{
	if (!t)
		return;
	assert(t->nothing_asked.id == 0);
	pool_free(&t->tunnel_pool);
	pool_free(&t->path_pool);
	pool_free(&t->ike_pool);
	pool_free(&t->child_pool);
	pool_free(&t->esp_pool);
	pool_free(&t->rare_pool);
	index_free(&t->path_index);
	index_free(&t->ike_index);
	index_free(&t->initiator_index);
	index_free(&t->esp_index);
	free(t->tunnels);
	free(t->tunnel_more);
	free(t->peer_marks);
	free(t->unowned_ended);
	free(t->paths);
	free(t->ike_sas);
	free(t->answerer_asked);
	free(t->ike_few);
	free(t->ike_many);
	free(t->ike_vendors);
	free(t->child_sas);
	free(t->child_more);
	free(t->esp_memory);
	free(t->esp_more);
	free(t->esp_wide);
	free(t->esp_rare);
	free(t->esp_by_spi);
	free(t->clients);
	timers_free(t);
	free(t->recent);
	free(t->deletes);
	free(t->strangers);
	free(t);
}
