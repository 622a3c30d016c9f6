/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "truth.h"

#include <inttypes.h>
#include <string.h>

/* Every string here is one of ours: no character of them needs escaping. */

static const char *side(int by)
{
	return by < 0 ? "null" : by == 0 ? "\"A\"" : "\"B\"";
}

static void put_text(FILE *to, const char *key, const char *value)
{
	if (value)
		fprintf(to, "\"%s\":\"%s\"", key, value);
	else
		fprintf(to, "\"%s\":null", key);
}

static void put_time(FILE *to, const char *key, sim_time at)
{
	if (at < 0)
		fprintf(to, "\"%s\":null", key);
	else
		fprintf(to, "\"%s\":%.6f", key, (double)at / 1e9);
}

static void put_ike(FILE *to, const struct sim_true_ike *i)
{
	fprintf(to,
		"{\"pair\":%u,\"ispi\":\"%016" PRIx64 "\",\"rspi\":\"%016" PRIx64
		"\",\"version\":%u,\"initiator\":%s,",
		i->pair->number, i->spi_i, i->spi_r, i->version, side(i->initiator));
	put_text(to, "origin", i->origin);
	if (i->parent)
		fprintf(to, ",\"parent\":[\"%016" PRIx64 "\",\"%016" PRIx64 "\"],",
			i->parent->spi_i, i->parent->spi_r);
	else
		fputs(",\"parent\":null,", to);
	put_time(to, "created", i->created);
	fputc(',', to);
	put_time(to, "established", i->established);
	fputc(',', to);
	put_time(to, "ended", i->ended);
	fputc(',', to);
	put_text(to, "end_reason", i->end_reason);
	fprintf(to, ",\"ended_by\":%s,\"redundant\":%s}", side(i->ended_by),
		i->redundant ? "true" : "false");
}

static void put_wire(FILE *to, const struct sim_sa_wire *s)
{
	fprintf(to,
		"{\"spi\":\"%08x\",\"sent\":%" PRIu64 ",\"wire\":{\"packets\":%" PRIu64
		",\"bytes\":%" PRIu64 ",",
		s->spi, s->sent, s->captured, s->bytes);
	put_time(to, "first", s->captured ? s->first : -1);
	fputc(',', to);
	put_time(to, "last", s->captured ? s->last : -1);
	fprintf(to, ",\"first_seq\":%u,\"max_seq\":%u}}", s->seq_first, s->seq_max);
}

static void put_child(FILE *to, const struct sim_true_child *c)
{
	fprintf(to, "{\"pair\":%u,\"child\":%u,", c->pair->number, c->slot);
	if (c->ike)
		fprintf(to, "\"ike_when_made\":[\"%016" PRIx64 "\",\"%016" PRIx64 "\"],",
			c->ike->spi_i, c->ike->spi_r);
	put_text(to, "created_how", c->how);
	fprintf(to, ",\"created_by\":%s,", side(c->created_by));
	put_time(to, "created", c->created);
	fputs(",\"ab\":", to);
	put_wire(to, &c->wire[0]);
	fputs(",\"ba\":", to);
	put_wire(to, &c->wire[1]);
	if (c->predecessor)
		fprintf(to, ",\"predecessor\":[\"%08x\",\"%08x\"],\"rekey_age\":%.3f,",
			c->predecessor->wire[0].spi, c->predecessor->wire[1].spi,
			(double)(c->created - c->predecessor->created) / 1e9);
	else
		fputs(",\"predecessor\":null,", to);
	put_time(to, "ended", c->ended);
	fputc(',', to);
	put_text(to, "end_reason", c->end_reason);
	fprintf(to, ",\"ended_by\":%s,\"redundant\":%s}", side(c->ended_by),
		c->redundant ? "true" : "false");
}

static void put_exchange(FILE *to, const struct sim_true_exchange *x)
{
	fprintf(to,
		"{\"pair\":%u,\"ispi\":\"%016" PRIx64 "\",\"rspi\":\"%016" PRIx64
		"\",\"exchange\":%u,\"message_id\":%u,\"from\":%s,",
		x->pair->number, x->spi_i, x->spi_r, x->exchange, x->id, side(x->from));
	put_text(to, "purpose", x->purpose);
	fputc(',', to);
	put_time(to, "at", x->at);
	fprintf(to, ",\"sent\":[%u,%u],\"captured\":[%u,%u]}", x->sent[0], x->sent[1],
		x->captured[0], x->captured[1]);
}

static bool listed(const char *const *list, const char *code)
{
	for (; *list; list++)
		if (strcmp(*list, code) == 0)
			return true;
	return false;
}

static void put_codes(FILE *to, const char *key, const char *const *list)
{
	fprintf(to, "\"%s\":[", key);
	for (unsigned i = 0; list[i]; i++)
		fprintf(to, "%s\"%s\"", i ? "," : "", list[i]);
	fputs("],", to);
}

static void put_alerts(FILE *to, const struct sim_truth *t)
{
	bool first = true;

	fputs("\"alerts\":{", to);
	put_codes(to, "expected", t->expected);
	put_codes(to, "allowed", t->allowed);
	fputs("\"forbidden\":[", to);
	for (unsigned i = 0; sim_codes[i]; i++)
		if (!listed(t->expected, sim_codes[i]) && !listed(t->allowed, sim_codes[i])) {
			fprintf(to, "%s\"%s\"", first ? "" : ",", sim_codes[i]);
			first = false;
		}
	fputs("]}", to);
}

static void put_pairs(const struct sim_world *w, FILE *to)
{
	char a[64], b[64];

	fputs("\"pairs\":[", to);
	for (const struct sim_pair *p = w->pairs; p; p = p->next) {
		sim_addr_text(p->net.nat && !p->net.nat_inside ? p->net.outside : p->addr[0], a);
		sim_addr_text(p->addr[1], b);
		fprintf(to, "%s{\"A\":\"%s\",\"B\":\"%s\",\"nat\":%s}", p == w->pairs ? "" : ",", a,
			b, p->net.nat ? "true" : "false");
	}
	fputs("],\n", to);
}

#define PUT_ALL(key, type, list, put)                                            \
	fprintf(to, "\"%s\":[", key);                                            \
	for (const type *x = list; x; x = x->next) {                             \
		fputs(x == (list) ? "\n" : ",\n", to);                           \
		put(to, x);                                                      \
	}                                                                        \
	fputs("],\n", to);

void sim_truth_write(const struct sim_world *w, FILE *to)
{
	static const char *const kinds[SIM_KINDS] = { "ike", "esp", "ah", "keepalive", "icmp" };
	const struct sim_truth *t = w->truth;

	fprintf(to,
		"{\"name\":\"%s\",\"title\":\"%s\",\n\"capture\":{\"t0\":%" PRId64
		",\"seconds\":%.3f,\"frames\":%" PRIu64 ",\"mirrored\":%" PRIu64,
		t->scenario, t->title, SIM_EPOCH / SIM_S, (double)w->now / 1e9, w->out.packets,
		t->mirrored);
	for (unsigned k = 0; k < SIM_KINDS; k++)
		fprintf(to, ",\"%s\":%" PRIu64 ",\"%s_missed\":%" PRIu64, kinds[k], t->captured[k],
			kinds[k], t->missed[k]);
	fputs("},\n", to);
	put_pairs(w, to);
	PUT_ALL("ike_sas", struct sim_true_ike, t->ikes, put_ike)
	PUT_ALL("child_sas", struct sim_true_child, t->children, put_child)
	PUT_ALL("exchanges", struct sim_true_exchange, t->exchanges, put_exchange)
	put_alerts(to, t);
	fputs("}\n", to);
}
