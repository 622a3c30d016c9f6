/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the diagnosis keeps of records: copies of some, of SAs what it adds up. */
#include "report/collect.h"

#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/report.h>

/* ---- memory that is given back all at once ---- */

struct keep {
	struct keep *next;
	size_t used, size;
	_Alignas(max_align_t) char bytes[];
};

enum { KEEP_BYTES = 64 * 1024 };

static void *keep_bytes(struct collection *c, const void *data, size_t length)
{
	size_t rounded = (length + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) *
			 _Alignof(max_align_t);

	if (!c->keep || c->keep->size - c->keep->used < rounded) {
		size_t size = rounded > KEEP_BYTES ? rounded : KEEP_BYTES;
		struct keep *k = malloc(sizeof(*k) + size);

		memory_or_end(k);
		*k = (struct keep){ .next = c->keep, .size = size };
		c->keep = k;
	}

	char *at = c->keep->bytes + c->keep->used;

	c->keep->used += rounded;
	if (length > 0)
		memcpy(at, data, length);
	return at;
}

void keep_done(struct collection *c)
{
	while (c->keep) {
		struct keep *next = c->keep->next;

		free(c->keep);
		c->keep = next;
	}
}

/*
 * Made printable here, once.  Also words that are ours, a code or a cause, come
 * back from a database, and anybody may have written that.
 */
static const char *keep_safe(struct collection *c, const char *text)
{
	char *safe = report_printable(text);
	const char *kept = keep_bytes(c, safe, strlen(safe) + 1);

	free(safe);
	return kept;
}

static unsigned place_of(const char *text)
{
	unsigned hash = 0;

	for (; *text; text++)
		hash = hash * 31 + (unsigned char)*text;
	return hash % KNOWN_TEXTS;
}

static const char *keep_text(struct collection *c, const char *text)
{
	size_t length = text ? strnlen(text, KNOWN_LENGTH_MAX + 1) : 0;

	if (!text)
		return NULL;
	if (length > KNOWN_LENGTH_MAX)	/* it will hardly come again */
		return keep_safe(c, text);

	struct known_text *known = &c->known[place_of(text)];

	if (!known->given || strcmp(known->given, text) != 0) {
		known->safe = keep_safe(c, text);
		known->given = strcmp(known->safe, text) == 0 ? known->safe
							      : keep_bytes(c, text, length + 1);
	}
	return known->safe;
}

const char *collection_keep_text(struct collection *c, const char *text)
{
	return keep_text(c, text);
}

static const char *const *keep_texts(struct collection *c, const char *const *texts, size_t n)
{
	const char **list = keep_bytes(c, texts, n * sizeof(texts[0]));

	for (size_t i = 0; i < n; i++)
		list[i] = keep_text(c, texts[i]);
	return list;
}

static unsigned place_of_words(const void *words, size_t bytes)
{
	uint64_t hash = 0, word;

	for (size_t i = 0; i < bytes; i += sizeof(word)) {
		memcpy(&word, (const char *)words + i, sizeof(word));
		hash = (hash + word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (unsigned)(hash % KNOWN_LISTS);
}

/* As keep_text(): few are in use, and a place for two is the later one's. */
static const struct record_offer *keep_suite(struct collection *c, const struct record_offer *r)
{
	const struct record_offer suite = {
		.encryption = keep_text(c, r->encryption), .integrity = keep_text(c, r->integrity),
		.prf = keep_text(c, r->prf), .group = keep_text(c, r->group),
		.key_bits = r->key_bits, .life_seconds = r->life_seconds,
		.life_kilobytes = r->life_kilobytes,
	};
	const struct record_offer **known = &c->suites[place_of_words(&suite, sizeof(suite))];

	if (!*known || memcmp(*known, &suite, sizeof(suite)) != 0)
		*known = keep_bytes(c, &suite, sizeof(suite));
	return *known;
}

static const struct vendors *keep_vendors(struct collection *c, const struct vendors *v)
{
	const struct vendors **known;

	if (v->n == 0)
		return NULL;
	known = &c->vendors[place_of_words(v, sizeof(*v))];
	if (!*known || memcmp(*known, v, sizeof(*v)) != 0)
		*known = keep_bytes(c, v, sizeof(*v));
	return *known;
}

/* ---- what is taken from a record ---- */

struct record_capture collection_keep_capture(struct collection *c, const struct record_capture *r)
{
	struct record_capture to = *r;

	to.name = keep_text(c, r->name);
	to.kind = keep_text(c, r->kind);
	to.link_type = keep_text(c, r->link_type);
	to.fingerprint = NULL;
	to.warnings = keep_texts(c, r->warnings, r->n_warnings);
	return to;
}

struct record_tunnel collection_keep_tunnel(struct collection *c, const struct record_tunnel *r)
{
	struct record_tunnel to = *r;

	to.unobservable = keep_texts(c, r->unobservable, r->n_unobservable);
	to.label = keep_text(c, r->label);
	return to;
}

struct record_alert collection_keep_alert(struct collection *c, const struct record_alert *r)
{
	struct record_alert to = *r;
	struct record_evidence *evidence =
		keep_bytes(c, r->evidence, r->n_evidence * sizeof(evidence[0]));
	struct record_action *actions =
		keep_bytes(c, r->actions, r->n_actions * sizeof(actions[0]));

	for (size_t i = 0; i < r->n_evidence; i++) {
		evidence[i].name = keep_text(c, evidence[i].name);
		evidence[i].text =
			evidence[i].type == EVIDENCE_TEXT ? keep_text(c, evidence[i].text) : NULL;
	}
	for (size_t i = 0; i < r->n_actions; i++) {
		actions[i].vendor = keep_text(c, actions[i].vendor);
		actions[i].text = keep_text(c, actions[i].text);
	}
	to.code = keep_text(c, r->code);
	to.summary = keep_text(c, r->summary);
	to.cause = keep_text(c, r->cause);
	to.evidence = evidence;
	to.actions = actions;
	to.peers = NULL;
	return to;
}

static void add_vendor(struct vendors *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (v->name[i] == name || strcmp(v->name[i], name) == 0)
			return;
	if (v->n < VENDORS_MAX)
		v->name[v->n++] = name;
}

const struct vendors *vendors_of_both(struct collection *c, const struct vendors *a,
				      const struct vendors *b)
{
	if (!a || !b || a == b)
		return a ? a : b;

	struct vendors both = *a;

	for (size_t i = 0; i < b->n; i++)
		add_vendor(&both, b->name[i]);
	return keep_vendors(c, &both);
}

/* Vendor IDs that have a name; the hexadecimal ones tell a person nothing. */
static bool is_hex(const char *name)
{
	return strspn(name, "0123456789abcdef") == strlen(name);
}

struct ike_part ike_part_of(struct collection *c, const struct record_ike_sa *r)
{
	struct vendors vendors = { 0 };

	for (size_t i = 0; i < r->n_vendor_ids; i++)
		if (!is_hex(r->vendor_ids[i]))
			add_vendor(&vendors, keep_text(c, r->vendor_ids[i]));
	/* a history may hold any number */
	int by = r->ended_by == 0 || r->ended_by == 1 ? r->ended_by : -1;
	int version = r->version == 1 || r->version == 2 ? r->version : 0;

	return (struct ike_part){
		.seen = {
			.spi_i = r->spi_i, .spi_r = r->spi_r, .initiator = r->initiator,
			.origin = r->origin,
			.created = r->created, .established = r->established, .ended = r->ended,
			.last = r->last,
			.end_reason = r->end_reason, .ended_by = (int8_t)by,
			.version = (uint8_t)version, .suite = keep_suite(c, &r->suite),
		},
		.vendors = keep_vendors(c, &vendors),
	};
}

struct child_part child_part_of(const struct record_child_sa *r)
{
	nsec end = r->rekey_at != NSEC_NONE ? r->rekey_at : r->ended;
	/*
	 * of an SA older than the capture only the age since its first packet is known: no age at
	 * rekey
	 */
	bool aged = r->created_how != CREATED_UNKNOWN &&
		    (r->end_reason == END_REKEYED || r->rekey_at != NSEC_NONE) &&
		    r->created != NSEC_NONE && end != NSEC_NONE && end >= r->created;

	return (struct child_part){
		.living = sa_lives(r->end_reason), .side = r->rekeyed_by,
		.age = aged ? end - r->created : NSEC_NONE,
	};
}

struct esp_part esp_part_of(const struct record_esp_sa *r, const struct endpoint peers[2])
{
	/* several clients behind one address differ by port only */
	const struct endpoint *low = &peers[0];
	/* who moved (MOBIKE) sends from an address of neither: then the other one tells */
	bool moved = !addr_equal(r->src.addr, peers[1].addr) &&
		     addr_equal(r->dst.addr, peers[1].addr);

	return (struct esp_part){
		.from_low = moved || (addr_equal(r->src.addr, low->addr) &&
				      (low->port == 0 || low->port == r->src.port ||
				       !addr_equal(low->addr, peers[1].addr))),
		.udp = r->encap == ENCAP_UDP,
		.tcp = r->encap == ENCAP_TCP,
		.plain = r->encap == ENCAP_NONE,
		.ah = r->protocol == PROTOCOL_AH,
		.moved = r->predecessor_spi == r->spi,
		.first = r->first,
		.last = r->last,
		.packets = r->packets,
		.bytes = r->bytes,
		.lost = r->lost,
		.late = r->late,
		.duplicates = r->duplicates,
	};
}
