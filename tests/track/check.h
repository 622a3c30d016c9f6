/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Is everything inside the tracker consistent?  Reads its private tables; asserts. */
#ifndef TESTS_TRACK_CHECK_H
#define TESTS_TRACK_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "track/tracker.h"

static inline uint32_t check_index(const struct index *x, uint32_t high)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i <= x->mask; i++)
		if (x->slot[i].object != 0) {
			assert_true(x->slot[i].object - 1 < high);
			n++;
		}
	assert_int_equal(n, x->used);
	return n;
}

static inline void check_pool(const struct pool *p)
{
	assert_true(p->used <= p->high && p->high <= p->capacity);
	assert_int_equal(p->used + p->n_free, p->high);
}

static inline void check_timers(const struct tracker *t)
{
	assert_true(t->n_timers <= t->tunnel_pool.capacity + t->ike_pool.capacity);
	for (uint32_t i = 0; i < t->n_timers; i++)
		assert_int_equal((t->timers[i].kind == TIMER_TUNNEL
					  ? t->timer_of_tunnel
					  : t->timer_of_ike_sa)[t->timers[i].object],
				 i + 1);
	for (uint32_t i = 1; i < t->n_timers; i++)
		assert_true(t->timers[(i - 1) / TIMER_CHILDREN].at <= t->timers[i].at);
	if (t->n_timers > 0)
		assert_true(t->next_due <= t->timers[0].at);
}

/* What is due stands in the heap. */
static inline void check_due(const struct tracker *t, enum timer_kind kind, uint32_t object,
			     nsec due)
{
	uint32_t i =
		(kind == TIMER_TUNNEL ? t->timer_of_tunnel[object] : t->timer_of_ike_sa[object]) -
		1;

	if (due == NSEC_NONE)
		return;
	assert_true(i < t->n_timers);
	assert_true(t->timers[i].object == object && t->timers[i].kind == (uint8_t)kind &&
		    t->timers[i].at == due);
}

static inline void check_exchange(const struct tracker *t, const struct exchange *x,
				  uint32_t ike_sa)
{
	if (x->id == 0)
		return;
	assert_int_equal(x->ike_sa, ike_sa);
	assert_int_equal(x->tunnel, t->ike_sas[ike_sa].tunnel);
	assert_true(x->requests + x->responses > 0);
	assert_true((x->requests == 0) == (x->request_at == NSEC_NONE));
	assert_true((x->responses == 0) == (x->response_at == NSEC_NONE));
	assert_true(x->from == 0 || x->from == 1);
}

static inline uint32_t check_tunnel(const struct tracker *t, uint32_t i, uint32_t *paths,
				    uint32_t *ike, uint32_t *child, uint32_t *of_ike,
				    uint32_t *with_ike)
{
	const struct tunnel *w = &t->tunnels[i];
	uint32_t unconfirmed = 0, esp = 0, unowned = 0, living = 0;

	assert_true(endpoint_compare(w->peer[0], w->peer[1]) <= 0);
	check_due(t, TIMER_TUNNEL, i, w->due);
	for (uint32_t p = w->paths; p != NO_INDEX; p = t->paths[p].next_in_tunnel) {
		int8_t side;

		assert_true(p < t->path_pool.high);
		assert_int_equal(t->paths[p].tunnel, i);
		assert_true(endpoint_compare(t->paths[p].a, t->paths[p].b) <= 0);
		assert_int_equal(
			path_find_tunnel((struct tracker *)t, t->paths[p].a, t->paths[p].b, &side),
			i);
		++*paths;
		assert_true(*paths <= t->path_pool.used);
	}
	const struct exchange nothing = { 0 };

	assert_memory_equal(&t->nothing_asked, &nothing, sizeof(nothing));
	for (uint32_t s = w->ike_sas; s != NO_INDEX; s = t->ike_sas[s].next_in_tunnel) {
		const struct ike_sa *sa = &t->ike_sas[s];

		assert_true(s < t->ike_pool.high && (sa->flags & IKE_SA_USED) && sa->id != 0);
		assert_int_equal(sa->tunnel, i);
		assert_true(sa->initiator_side == 0 || sa->initiator_side == 1);
		assert_int_equal(ike_sa_find((struct tracker *)t, sa->spi_i, sa->spi_r) == NO_INDEX,
				 0);
		for (int slot = 0; slot < 2; slot++) {
			check_exchange(t, sa->current[slot], s);
			check_exchange(t, sa->previous[slot], s);
		}
		if (sa->successor != NO_INDEX) {
			assert_true(t->ike_sas[sa->successor].flags & IKE_SA_USED);
			assert_int_equal(t->ike_sas[sa->successor].tunnel, i);
			assert_int_equal(t->ike_sas[sa->successor].parent, sa->id);
		}
		assert_true(ike_sa_find_half_open((struct tracker *)t, i, sa->spi_i) != NO_INDEX);
		for (uint32_t c = sa->children, before = NO_INDEX; c != NO_INDEX;
		     before = c, c = t->child_sas[c].more->next_of_ike) {
			assert_int_equal(t->child_sas[c].ike_sa, s);
			assert_int_equal(t->child_sas[c].more->prev_of_ike, before);
			assert_true(++*of_ike <= t->child_pool.used);
		}
		const uint32_t held[] = { sa->auth_child, sa->rekey[0].child, sa->rekey[1].child };

		for (int n = 0; n < 3; n++)
			if (held[n] != NO_INDEX) {
				assert_true(t->child_sas[held[n]].flags & CHILD_SA_USED);
				assert_int_equal(t->child_sas[held[n]].more->ike_sa_id, sa->id);
			}
		check_due(t, TIMER_IKE_SA, s, sa->due);
		/* or it would stay for ever */
		assert_true(sa->due != NSEC_NONE || t->finishing);
		++*ike;
		assert_true(*ike <= t->ike_pool.used);
	}
	for (uint32_t c = w->child_sas; c != NO_INDEX; c = t->child_sas[c].next_in_tunnel) {
		const struct child_sa *k = &t->child_sas[c];

		assert_true(c < t->child_pool.high && (k->flags & CHILD_SA_USED));
		assert_int_equal(k->tunnel, i);
		assert_true(k->more == &child_sa_nothing_more || k->more == &t->child_more[c]);
		assert_true((k->id == 0) == ((k->flags & CHILD_SA_TENTATIVE) != 0));
		for (int d = 0; d < 2; d++)
			if (k->esp[d] != NO_INDEX) {
				const struct esp_sa *e = &t->esp_sas[k->esp[d]];

				assert_true(e->flags & ESP_SA_USED);
				assert_int_equal(e->child, c);
				assert_int_equal(e->id, k->esp_id[d]);
				assert_int_equal(e->spi, k->spi[d]);
				assert_int_equal(e->direction, d);
			}
		if (k->ike_sa != NO_INDEX) {
			assert_true(t->ike_sas[k->ike_sa].flags & IKE_SA_USED);
			assert_int_equal(t->ike_sas[k->ike_sa].tunnel, i);
			(*with_ike)++;
		}
		if (k->more->predecessor != NO_INDEX) {
			assert_int_equal(t->child_sas[k->more->predecessor].id,
					 k->more->predecessor_id);
			assert_int_equal(t->child_sas[k->more->predecessor].more->successor, c);
		}
		if (k->more->successor != NO_INDEX)
			assert_int_equal(t->child_sas[k->more->successor].more->predecessor, c);
		unowned += k->ike_sa == NO_INDEX;
		living += k->ike_sa == NO_INDEX && k->end_reason == END_NONE;
		assert_true(k->ike_sa != NO_INDEX || k->end_reason == END_NONE ||
			    child_unowned_since(t, i, k->more->ended));
		assert_true(k->how == CREATED_UNKNOWN || (w->flags & TUNNEL_CHILD_MADE));
		assert_true(!(k->flags & CHILD_SA_PAIRED_BY_ORDER) ||
			    ((w->flags & TUNNEL_PAIRED_BY_ORDER) && k->how != CREATED_UNKNOWN));
		assert_true(k->created != NSEC_NONE && child_sa_requested(k) != NSEC_NONE);
		++*child;
		assert_true(*child <= t->child_pool.used);
	}
	assert_int_equal(unowned, w->unowned_child);
	assert_int_equal(living, w->unowned_living);
	for (int d = 0; d < 2; d++) {
		uint32_t n = 0;

		for (uint32_t e = w->esp_sas[d]; e != NO_INDEX;
		     e = t->esp_sas[e].next_in_direction) {
			const struct esp_sa *sa = &t->esp_sas[e];

			assert_true(e < t->esp_pool.high && (sa->flags & ESP_SA_USED));
			assert_int_equal(sa->tunnel, i);
			assert_int_equal(sa->direction, d);
			if (sa->child != NO_INDEX)
				assert_int_equal(t->child_sas[sa->child].esp[d], e);
			assert_true(sa->window & 1);	/* the highest was seen */
			unconfirmed += !(sa->flags & ESP_SA_CONFIRMED);
			n++;
			assert_true(n <= t->esp_pool.used);
		}
		assert_int_equal(n, w->live_esp[d]);
		esp += n;
	}
	assert_int_equal(unconfirmed, w->unconfirmed);
	/* somebody has to end or forget what it holds */
	assert_true(w->due != NSEC_NONE || (w->child_sas == NO_INDEX && w->esp_sas[0] == NO_INDEX &&
					    w->esp_sas[1] == NO_INDEX) || t->finishing);
	return esp;
}

static inline void tracker_check(const struct tracker *t)
{
	uint32_t tunnels = 0, paths = 0, ike = 0, child = 0, esp = 0, unconfirmed = 0, of_ike = 0,
		 with_ike = 0, rare = 0;

	check_pool(&t->tunnel_pool);
	check_pool(&t->path_pool);
	check_pool(&t->ike_pool);
	check_pool(&t->child_pool);
	check_pool(&t->esp_pool);
	check_pool(&t->rare_pool);
	check_timers(t);
	for (uint32_t i = 0; i < t->tunnel_pool.high; i++)
		if (t->tunnels[i].flags & TUNNEL_USED) {
			tunnels++;
			esp += check_tunnel(t, i, &paths, &ike, &child, &of_ike, &with_ike);
			unconfirmed += t->tunnels[i].unconfirmed;
		}
	assert_int_equal(tunnels, t->tunnel_pool.used);
	assert_int_equal(paths, t->path_pool.used);
	assert_int_equal(ike, t->ike_pool.used);
	assert_int_equal(child, t->child_pool.used);
	assert_int_equal(esp, t->esp_pool.used);
	assert_int_equal(of_ike, with_ike);
	assert_int_equal(unconfirmed, t->unconfirmed);
	assert_int_equal(check_index(&t->path_index, t->path_pool.high), paths);
	assert_int_equal(check_index(&t->ike_index, t->ike_pool.high), ike);
	assert_int_equal(check_index(&t->initiator_index, t->ike_pool.high), ike);
	assert_true(check_index(&t->esp_index, t->esp_pool.high) <= esp);
	for (uint32_t i = 0; i < t->esp_pool.high; i++)
		if (t->esp_sas[i].flags & ESP_SA_USED) {
			const struct esp_sa *sa = &t->esp_sas[i];
			const struct esp_ends is = esp_ends(t, sa);
			const struct esp_arrival a = {
				.src = is.src, .dst = is.dst, .spi = sa->spi,
				.protocol = sa->protocol, .encap = sa->encap,
				.hash = esp_hash(t, &is.src, &is.dst, sa->spi, sa->protocol,
				sa->encap) };
			uint32_t found = esp_find(t, &a);

			if (sa->rare != &esp_sa_nothing_rare) {
				assert_true((uint32_t)(sa->rare - t->esp_rare) < t->rare_pool.high);
				rare++;
			}

			/* an earlier generation keeps only its record */
			if (found == NO_INDEX)
				assert_int_not_equal(t->esp_sas[i].end_reason, END_NONE);
			else
				assert_true(t->esp_sas[found].id >= t->esp_sas[i].id);
		}
	assert_int_equal(rare, t->rare_pool.used);
}

#endif
