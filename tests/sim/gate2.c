/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IKEv2 between task and wire: one request at a time, repeated until answered. */
#include "gate2.h"

#include <string.h>

static struct sim_frame scratch;	/* single-threaded program; a frame is large for a stack */

/* Inner bytes that fit one fragment of an IP packet of `limit` bytes. */
static size_t fragment_room(const struct gate_ike *ike, unsigned limit)
{
	size_t around = 28 + 4 + 28 + 8 + sim_sk_length(ike->session.suite, 0);

	return (limit - around) & ~(size_t)15;
}

struct sim_message *gate2_say(struct gate_ike *ike, int what, uint8_t exchange, bool response,
			      uint32_t id, uint8_t np1, size_t inner)
{
	struct gate *g = ike->gate;
	struct sim_message *m = sim_message_new();
	struct sim_protected p = { exchange, response, ike->initiator, id, np1, inner };
	unsigned limit = g->p.fragment && g->other->p.fragment ? g->p.fragment : 0;
	unsigned total = 1;
	size_t room = 0;

	if (limit && inner + 120 > limit) {
		room = fragment_room(ike, limit);
		total = (unsigned)((inner + room - 1) / room);
	}
	for (unsigned n = 1; n <= total; n++) {
		sim_frame_clear(&scratch);
		if (total > 1)
			sim_say_fragment(&scratch, &ike->session, &p, n, total, room, &g->w->rng);
		else
			sim_say_protected(&scratch, &ike->session, &p, &g->w->rng);
		sim_message_add(m, sim_frame_data(&scratch), scratch.length);
	}
	m->version = 2;
	m->spi_i = ike->session.spi_i;
	m->spi_r = ike->session.spi_r;
	m->exchange = exchange;
	m->np1 = np1;
	m->response = response;
	m->by_initiator = ike->initiator;
	m->id = id;
	m->what = what;
	m->nonce = sim_rng_u64(&g->w->rng);
	return m;
}

void gate2_over(struct gate_ike *ike)
{
	sim_message_drop(ike->request);
	ike->request = NULL;
	ike->serial = ++ike->gate->serial;
}

static void give_up(struct gate_ike *ike)
{
	bool deleting = ike->state == GATE_REKEYED || ike->state == GATE_DELETING;
	bool up = ike->state == GATE_UP;

	gate2_over(ike);
	gate_ike_gone(ike,
		      up         ? "peer_lost"
		      : deleting ? "deleted"
				 : "failed",
		      -1, ike->state != GATE_REKEYED);
}

static void repeat(struct sim_world *w, void *object, uint64_t serial)
{
	struct gate_ike *ike = object;
	const double *ladder = ike->gate->p.ladder;
	double sent = ladder[ike->copy], next = ladder[ike->copy + 1];

	if (ike->serial != serial || ike->request == NULL || ike->gate->off)
		return;
	if (sent <= 0) {
		give_up(ike);
		return;
	}
	gate_transmit(ike, ike->request);
	ike->copy++;
	sim_after(w, (next > 0 ? next : ike->gate->p.give_up) - sent, repeat, ike, serial);
}

void gate2_request(struct gate_ike *ike, struct sim_message *m, const char *purpose)
{
	sim_message_drop(ike->request);
	m->exchange_truth = gate_exchange_truth(ike, m->exchange, m->id, purpose);
	ike->request = m;
	ike->serial = ++ike->gate->serial;
	ike->copy = 0;
	gate_transmit(ike, m);
	sim_after(ike->gate->w, ike->gate->p.ladder[0], repeat, ike, ike->serial);
}

void gate2_respond(struct gate_ike *ike, struct sim_message *m, const struct sim_message *to)
{
	m->exchange_truth = to->exchange_truth;
	sim_message_drop(ike->response);
	ike->response = m;
	ike->peer_id = to->id + 1;
	gate_transmit(ike, m);
}

void gate2_pump(struct gate_ike *ike)
{
	if (ike->request || ike->n_queue == 0 || ike->state == GATE_CONNECTING ||
	    ike->state == GATE_GONE)
		return;
	ike->current = ike->queue[0];
	memmove(ike->queue, ike->queue + 1, --ike->n_queue * sizeof *ike->queue);
	gate2_start_task(ike);
}

void gate2_task(struct gate_ike *ike, int what, struct gate_child *child, unsigned slot)
{
	for (unsigned i = 0; i < ike->n_queue; i++)
		if (ike->queue[i].what == what && ike->queue[i].child == child &&
		    ike->queue[i].slot == slot)
			return;
	if (ike->n_queue == TASKS_MAX || ike->state == GATE_GONE)
		return;
	ike->queue[ike->n_queue++] = (struct gate_task){ what, child, slot };
	gate2_pump(ike);
}

/* The address and port that the peer sees, or believes, of `side`. */
static struct sim_endpoint seen(const struct gate *g, unsigned side)
{
	const struct sim_net *n = &g->pair->net;
	struct sim_endpoint e = { g->pair->addr[side], 500 };

	if (side == 0 && n->nat && g->side == 1)
		e = (struct sim_endpoint){ n->outside, n->nat_port[0] };
	if (g->w->tap.tcp)	/* RFC 9329 moves everything there from the start */
		e.port = side == 0 ? (uint16_t)(40000 + g->pair->number) : 4500;
	return e;
}

static struct sim_message *say_init(struct gate_ike *ike, bool response,
				    const struct sim_init *extra)
{
	struct gate *g = ike->gate;
	struct sim_offer offers[2] = { { .suite = ike->session.suite, .group = ike->session.group },
				       { .suite = sim_suite("aes256-sha512"), .group = 14 } };
	struct sim_init init = *extra;
	struct sim_message *m = sim_message_new();

	init.offers = offers;
	init.n_offers = 2;
	init.src = seen(g, g->side);
	init.dst = seen(g, 1 - g->side);
	init.vendor_ids = g->p.vendor_ids;
	init.fragmentation = g->p.fragment > 0;
	sim_frame_clear(&scratch);
	sim_say_init(&scratch, &ike->session, &init, response, &g->w->rng);
	sim_message_add(m, sim_frame_data(&scratch), scratch.length);
	m->version = 2;
	m->spi_i = ike->session.spi_i;
	m->spi_r = response ? ike->session.spi_r : 0;
	m->exchange = X2_SA_INIT;
	m->response = response;
	m->by_initiator = ike->initiator;
	m->what = SAY_INIT;
	m->group = init.wrong_group ? init.wrong_group : ike->session.group;
	m->ike_truth = ike->truth;
	return m;
}

void gate2_send_init(struct gate_ike *ike)
{
	struct sim_init extra = { .wrong_group =
					  ike->ke_group == ike->session.group ? 0 : ike->ke_group };
	struct sim_message *m;

	if (ike->with_cookie) {
		extra.cookie = "a stateless cookie";
		extra.cookie_len = 16;
	}
	m = say_init(ike, false, &extra);
	m->cookie = ike->with_cookie;
	gate2_request(ike, m, "init");
}

void gate2_connect(struct gate *g)
{
	struct gate_ike *ike = gate_ike_new(g, true);

	ike->session.spi_i = gate_new_ike_spi(g);
	ike->truth = sim_truth_ike(g->w, g->pair);
	ike->truth->spi_i = ike->session.spi_i;
	ike->truth->version = 2;
	ike->truth->initiator = (uint8_t)g->side;
	gate2_send_init(ike);
}

/* Answers that leave no state: as the message comes, so it goes. */
static void refuse_init(struct gate *g, struct sim_message *m, int what, uint16_t notify,
			const void *data, size_t n)
{
	struct sim_message *answer = sim_message_new();

	sim_frame_clear(&scratch);
	sim_say_init_error(&scratch, m->spi_i, 0, notify, data, n);
	sim_message_add(answer, sim_frame_data(&scratch), scratch.length);
	answer->version = 2;
	answer->spi_i = m->spi_i;
	answer->exchange = X2_SA_INIT;
	answer->response = true;
	answer->what = what;
	answer->group = g->p.wants_group;
	answer->exchange_truth = m->exchange_truth;
	gate_transmit_ports(g, answer, false);
	sim_message_drop(answer);
}

void gate2_answer_init(struct gate *g, struct sim_message *m)
{
	unsigned char group[2];
	struct gate_ike *ike;
	struct sim_init none = { 0 };

	if (g->p.refuses_proposal) {
		refuse_init(g, m, SAY_NO_PROPOSAL, N2_NO_PROPOSAL, NULL, 0);
		return;
	}
	if (g->p.cookies && !m->cookie) {
		refuse_init(g, m, SAY_COOKIE, N2_COOKIE, "a stateless cookie", 16);
		return;
	}
	if (g->p.wants_group && m->group != g->p.wants_group) {
		sim_set16(group, g->p.wants_group);
		refuse_init(g, m, SAY_INVALID_KE, N2_INVALID_KE, group, 2);
		return;
	}
	ike = gate_ike_new(g, false);
	ike->session.spi_i = m->spi_i;
	ike->session.spi_r = gate_new_ike_spi(g);
	ike->session.suite = sim_suite(g->other->p.suite);	/* the initiator's first proposal */
	ike->session.group = m->group;
	ike->truth = m->ike_truth;
	ike->truth->spi_r = ike->session.spi_r;
	gate2_respond(ike, say_init(ike, true, &none), m);
}

static struct gate_ike *find(struct gate *g, const struct sim_message *m)
{
	for (struct gate_ike *i = g->ikes; i; i = i->next)
		if (i->initiator == !m->by_initiator && i->session.spi_i == m->spi_i &&
		    (i->session.spi_r == m->spi_r || m->exchange == X2_SA_INIT))
			return i;
	return NULL;
}

/* True when the message is complete: all fragments of it have come. */
static bool assembled(struct gate_ike *ike, struct sim_packet *p)
{
	struct sim_message *m = p->message;

	if (m->n_datagrams == 1)
		return true;
	if (ike->assembling != m) {
		ike->assembling = m;	/* compared only */
		ike->fragments = 0;
	}
	ike->fragments |= 1u << p->datagram;
	if (ike->fragments != (1u << m->n_datagrams) - 1)
		return false;
	ike->assembling = NULL;
	return true;
}

static void answer_unknown(struct gate *g, const struct sim_message *m)
{
	struct sim_ike_head head = { m->spi_i, m->spi_r, SIM_IKE2, m->exchange, 0, m->id };
	struct sim_message *answer;

	if (m->response || !g->p.invalid_spi)
		return;
	answer = sim_message_new();
	sim_frame_clear(&scratch);
	sim_say_invalid_ike_spi(&scratch, &head);
	sim_message_add(answer, sim_frame_data(&scratch), scratch.length);
	answer->version = 2;
	answer->exchange = m->exchange;
	answer->response = true;
	answer->what = SAY_INVALID_IKE_SPI;
	gate_transmit_ports(g, answer, g->pair->net.nat);
	sim_message_drop(answer);
}

void gate2_receive(struct gate *g, struct sim_packet *p)
{
	struct sim_message *m = p->message;
	struct gate_ike *ike = find(g, m);

	if (m->what == SAY_INVALID_SPI || m->what == SAY_INVALID_IKE_SPI)
		return;		/* unprotected: only a hint, RFC 7296 2.21.4 */
	if (ike == NULL) {
		if (m->exchange == X2_SA_INIT && !m->response)
			gate2_answer_init(g, m);
		else
			answer_unknown(g, m);
		return;
	}
	if (!assembled(ike, p))
		return;
	if (m->response) {
		if (ike->request && ike->request->id == m->id &&
		    ike->request->exchange == m->exchange) {
			ike->heard_at = g->w->now;
			gate2_finish(ike, m);
		}
		return;
	}
	if (m->id + 1 == ike->peer_id && ike->response) {
		gate_transmit(ike, ike->response);	/* my answer was lost */
	} else if (m->id == ike->peer_id) {
		ike->heard_at = g->w->now;
		gate2_answer(ike, m);
	}
}
