/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "truth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const char *const sim_codes[] = {
	"spi_churn", "ike_auth_retransmit", "lifetime_mismatch", "ike_flap", "ike_sa_limit_loop",
	"duplicate_ike_sa",
	"periodic_drop", "ike_init_unanswered", "auth_failed", "no_proposal_chosen", "invalid_ke",
	"ts_mismatch",
	"pfs_mismatch", "lifetime_asymmetry", "rekey_collision", "simultaneous_delete",
	"rekey_failing", "rekey_late",
	"expiry_gap", "volume_expiry", "idle_expiry", "stale_spi", "one_way_esp", "encap_mismatch",
	"dpd_timeout",
	"peer_restart", "esp_loss", "esp_reorder", "esp_replay", "seq_reset", "seq_exhaustion",
	"fragment_loss",
	"nat_keepalive_missing", "nat_rebind", "weak_crypto", "downgrade", "aggressive_psk",
	"ike_flood", "ike_scan",
	"spoof_hint", "tunnel_down", "capture_loss", "mirror_duplicates", "one_sided_capture",
	"clock_jump", NULL,
};

void sim_truth_init(struct sim_truth *t)
{
	*t = (struct sim_truth){ 0 };
	t->ikes_end = &t->ikes;
	t->children_end = &t->children;
	t->exchanges_end = &t->exchanges;
}

static void *make(size_t size)
{
	void *p = calloc(1, size);

	if (p == NULL)
		abort();
	return p;
}

#define FREE_ALL(list)                          \
	while (list) {                          \
		void *next = (list)->next;      \
						\
		free(list);                     \
		list = next;                    \
	}

void sim_truth_done(struct sim_truth *t)
{
	FREE_ALL(t->ikes)
	FREE_ALL(t->children)
	FREE_ALL(t->exchanges)
}

struct sim_true_ike *sim_truth_ike(struct sim_world *w, const struct sim_pair *pair)
{
	struct sim_true_ike *i = make(sizeof *i);

	*w->truth->ikes_end = i;
	w->truth->ikes_end = &i->next;
	i->pair = pair;
	i->origin = w->now < w->tap.start ? "midstream" : "observed";
	i->created = w->now;
	i->established = i->ended = -1;
	i->ended_by = -1;
	return i;
}

struct sim_true_child *sim_truth_child(struct sim_world *w, const struct sim_pair *pair)
{
	struct sim_true_child *c = make(sizeof *c);

	*w->truth->children_end = c;
	w->truth->children_end = &c->next;
	c->pair = pair;
	c->created = w->now;
	c->ended = -1;
	c->ended_by = -1;
	return c;
}

struct sim_true_exchange *sim_truth_exchange(struct sim_world *w, const struct sim_pair *pair)
{
	struct sim_true_exchange *x = make(sizeof *x);

	*w->truth->exchanges_end = x;
	w->truth->exchanges_end = &x->next;
	x->pair = pair;
	x->at = w->now;
	return x;
}

void sim_truth_end_ike(struct sim_world *w, struct sim_true_ike *i, const char *reason, int by)
{
	if (i == NULL || i->end_reason)
		return;
	i->end_reason = reason;
	i->ended = w->now;
	i->ended_by = by;
}

void sim_truth_end_child(struct sim_world *w, struct sim_true_child *c, const char *reason, int by)
{
	if (c == NULL || c->end_reason)
		return;
	c->end_reason = reason;
	c->ended = w->now;
	c->ended_by = by;
}

void sim_truth_sent(struct sim_truth *t, const struct sim_packet *p)
{
	(void)t;
	if (p->sa_truth)
		p->sa_truth->wire[p->from].sent++;
	if (p->kind == SIM_IKE && p->message->exchange_truth)
		p->message->exchange_truth->sent[p->message->response]++;
}

void sim_truth_captured(struct sim_world *w, const struct sim_packet *p)
{
	w->truth->captured[p->kind]++;
	if (p->kind == SIM_IKE && p->message->exchange_truth)
		p->message->exchange_truth->captured[p->message->response]++;
	if (p->sa_truth == NULL || p->only_first)	/* a first fragment alone is not a packet */
		return;

	struct sim_sa_wire *s = &p->sa_truth->wire[p->from];

	if (s->captured++ == 0) {
		s->first = w->now;
		s->seq_first = p->seq;
	}
	s->last = w->now;
	s->bytes += sim_packet_ip_length(p);
	if (p->seq > s->seq_max)
		s->seq_max = p->seq;
}

void sim_truth_missed(struct sim_truth *t, const struct sim_packet *p)
{
	t->missed[p->kind]++;
}

static void add_code(const char **list, const char *code)
{
	unsigned n = 0;

	for (unsigned i = 0;; i++) {
		assert(sim_codes[i] != NULL);	/* a scenario names a code that does not exist */
		if (strcmp(sim_codes[i], code) == 0)
			break;
	}
	while (list[n] && strcmp(list[n], code) != 0)
		n++;
	assert(n < SIM_CODES_MAX);
	list[n] = code;
}

void sim_truth_expect(struct sim_truth *t, const char *code)
{
	add_code(t->expected, code);
}

void sim_truth_allow(struct sim_truth *t, const char *code)
{
	add_code(t->allowed, code);
}
