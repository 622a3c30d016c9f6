/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences with holes, and evidence and terms in plain words. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <sawatch/memory.h>
#include <sawatch/text.h>

#include "report/people.h"
#include "report/why.h"

enum { LINE_MAX_BYTES = 2048 };

/* ---- lists ---- */

void why_list_add(struct why_list *l, const char *format, ...)
{
	char buffer[LINE_MAX_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(buffer, sizeof(buffer), format, args);
	va_end(args);
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 8;
		l->at = realloc(l->at, l->room * sizeof(l->at[0]));
		memory_or_end(l->at);
	}
	l->at[l->n] = strdup(buffer);
	memory_or_end(l->at[l->n]);
	l->n++;
}

bool why_list_has(const struct why_list *l, const char *text)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i], text) == 0)
			return true;
	return false;
}

void why_list_done(struct why_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i]);
	free(l->at);
	*l = (struct why_list){ 0 };
}

/* ---- values ---- */

static struct why_value *value_add(struct why_values *v, const char *name, const char *text)
{
	if (v->n == v->room) {
		v->room = v->room ? 2 * v->room : 16;
		v->at = realloc(v->at, v->room * sizeof(v->at[0]));
		memory_or_end(v->at);
	}
	v->at[v->n] = (struct why_value){ .name = name, .text = strdup(text) };
	memory_or_end(v->at[v->n].text);
	return &v->at[v->n++];
}

void why_values_add(struct why_values *v, const char *name, const char *text)
{
	value_add(v, name, text);
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

/* As people read it: the unit is at the end of the name. */
static void number_text(const char *name, double number, struct text *to)
{
	char text[NSEC_TEXT_MAX], count[COUNT_TEXT_MAX], real[REAL_TEXT_MAX];

	if (ends_with(name, "_s") || (ends_with(name, "_ms") && number >= 1000))
		text_add(to, "%s",
			 nsec_span((nsec)(number * (double)(ends_with(name, "_s") ? NSEC_PER_S
										  : NSEC_PER_MS)),
				   text));
	else if (ends_with(name, "_ms"))
		text_add(to, "%.3g ms", number);
	else if (ends_with(name, "_bytes") || strncmp(name, "bytes_", 6) == 0)
		text_add(to, "%s", bytes_text((int64_t)number, count));
	else if (strcmp(name, "port") == 0 || ends_with(name, "_port") || ends_with(name, "_id") ||
		 strncmp(name, "frame_", 6) == 0)
		text_add(to, "%.0f", number);		/* names, not amounts: no comma in them */
	else if (strcmp(name, "cv") == 0)
		text_add(to, "%.4f", number);
	else if (number == floor(number) && fabs(number) < 1e15)
		text_add(to, "%s%s", number < 0 ? "-" : "",
			 count_text((int64_t)fabs(number), count));
	else if (fabs(number) < 100)
		text_add(to, "%.3g", number);
	else
		text_add(to, "%s", real_text(round(number), real));
}

void why_values_add_number(struct why_values *v, const char *name, double number)
{
	char buffer[64];
	struct text text = TEXT_IN(buffer);

	number_text(name, number, &text);

	struct why_value *to = value_add(v, name, buffer);

	to->number = number;
	to->is_number = true;
}

void why_values_add_evidence(struct why_values *v, const struct record_evidence *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (e[i].type == EVIDENCE_TEXT)
			why_values_add(v, e[i].name, e[i].text ? e[i].text : "unknown");
		else
			why_values_add_number(v, e[i].name,
					      e[i].type == EVIDENCE_REAL ? e[i].real
									 : (double)e[i].integer);
	}
}

const struct why_value *why_values_find(const struct why_values *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (strcmp(v->at[i].name, name) == 0)
			return &v->at[i];
	return NULL;
}

void why_values_done(struct why_values *v)
{
	for (size_t i = 0; i < v->n; i++)
		free(v->at[i].text);
	free(v->at);
	*v = (struct why_values){ 0 };
}

/* ---- lines ---- */

static bool holds(const char *when, const struct why_values *values)
{
	char name[64];
	size_t length;
	const struct why_value *v;

	if (!when)
		return true;
	if (*when == '!')
		return !why_values_find(values, when + 1);
	length = strcspn(when, "=<>!");
	snprintf(name, sizeof(name), "%.*s", (int)length, when);
	v = why_values_find(values, name);
	if (!v)
		return false;
	switch (when[length]) {
	case '=':
		return strcmp(v->text, when + length + 1) == 0;
	case '!':
		return strcmp(v->text, when + length + 2) != 0;
	case '<':
		return v->is_number && v->number < strtod(when + length + 1, NULL);
	case '>':
		return v->is_number && v->number > strtod(when + length + 1, NULL);
	default:
		return true;
	}
}

/* What {name} stands for; NULL when that is not known. */
static const char *piece(const char *name, const struct why_values *values)
{
	bool other = strncmp(name, "not ", 4) == 0;
	const struct why_value *v = why_values_find(values, other ? name + 4 : name);
	const struct why_value *a = why_values_find(values, "a"), *b = why_values_find(values, "b");

	if (!other)
		return v ? v->text : NULL;
	if (!v || !a || !b)
		return NULL;
	return strcmp(v->text, a->text) == 0   ? b->text
	       : strcmp(v->text, b->text) == 0 ? a->text
					       : NULL;
}

static bool fill(const char *text, const struct why_values *values, struct text *to)
{
	while (*text) {
		size_t plain = strcspn(text, "{");
		char name[64];

		text_add(to, "%.*s", (int)plain, text);
		text += plain;
		if (!*text)
			break;

		size_t length = strcspn(text, "}");
		const char *value;

		snprintf(name, sizeof(name), "%.*s", (int)length - 1, text + 1);
		value = piece(name, values);
		if (!value)
			return false;
		text_add(to, "%s", value);
		text += length + (text[length] == '}');
	}
	return true;
}

/* "1 times" and "1 refusals" as people say it. */
static void mend_singulars(char *text)
{
	static const struct {
		const char *many, *one;
	} words[] = {
		{ "1 times", "once" }, { "1 refusals", "1 refusal" }, { "1 attempts", "1 attempt" },
		{ "1 answers", "1 answer" }, { "1 more copies", "1 more copy" }, { "1 packets",
		  "1 packet" },
		{ "1 first messages", "1 first message" }, { "1 ends", "1 end" }, { "1 renewals",
		  "1 renewal" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t many = strlen(words[i].many), one = strlen(words[i].one);

		for (char *at = text; (at = strstr(at, words[i].many)); at += one) {
			if (at > text && strchr("0123456789.,", at[-1]))
				continue;
			memcpy(at, words[i].one, one);
			memmove(at + one, at + many, strlen(at + many) + 1);
		}
	}
}

static void lines_of(struct why_list *to, const struct why_line *table, const char *code,
		     const char *cause, enum why_part part, const struct why_values *values)
{
	for (const struct why_line *l = table; l->code; l++) {
		char buffer[LINE_MAX_BYTES];
		struct text text = TEXT_IN(buffer);

		if (l->part != part || strcmp(l->code, code) != 0 || !holds(l->when, values))
			continue;
		if (l->cause && (!cause || strcmp(l->cause, cause) != 0))
			continue;
		if (!fill(l->text, values, &text))
			continue;
		mend_singulars(buffer);
		if (!why_list_has(to, buffer))
			why_list_add(to, "%s", buffer);
	}
}

void why_lines(struct why_list *to, const char *code, const char *cause, enum why_part part,
	       const struct why_values *values)
{
	const struct why_line *const tables[] = {
		why_stability, why_setup, why_renewal, why_traffic, why_capture,
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		lines_of(to, tables[i], code, cause, part, values);
}

/* ---- evidence ---- */

/* Names that a person would not guess. */
static const struct {
	const char *name, *words;
} evidence_words[] = {
	{ "cv", "spread of the intervals (0: like a clock)" },
	{ "request_bytes", "size of the request" },
	{ "response_bytes", "size of the answer" },
	{ "bytes_per_sa", "bytes per SA" },
	{ "message_id", "message number" },
	{ "ike_version", "IKE version" },
	{ "spi", "SPI" },
	{ "span_s", "within" },
	{ "rounds", "set-ups that went like this" },
	{ "requests", "copies of the request" },
	{ "responses", "answers" },
	{ "requests_after_response", "copies after the first answer" },
	{ "kind", "kind" },
	{ "likely", "most likely" },
	{ "then", "then" },
	{ "parallel_sas", "phase 2 SAs in parallel" },
	{ "ike_set_ups", "phase 1 set-ups in that time" },
	{ "replacements_seen_in_ike", "of them seen being negotiated" },
	{ "ike_rekeys_inside", "phase 1 renewed in between" },
	{ "worked_before", "it worked before" },
	{ "ike_sa_age_s", "age of the IKE SA then" },
	{ "at_equal_ages", "of them at the same age on both sides" },
	{ "sign", "seen by" },
	{ "direction_from", "direction: packets from" },
	{ "at_rekey", "at a renewal of the keys" },
	{ "ike_answers", "the silent side still answers IKE" },
	{ "birth_seen", "its beginning was seen" },
	{ "ike_sas", "IKE SAs" },
	{ "sas", "SAs" },
	{ "set_ups", "set-ups" },
	{ "replaced_spis", "replaced SPIs" },
	{ "icmp", "ICMP" },
	{ "initiator_a", "one initiator" },
	{ "lifetime_a_s", "its lifetime" },
	{ "frame_a", "in frame" },
	{ "initiator_b", "the other initiator" },
	{ "lifetime_b_s", "its lifetime" },
	{ "frame_b", "in frame" },
};

/* Said with an underscore in the record, for programs. */
static const char *spoken(const char *text)
{
	static const struct {
		const char *word, *said;
	} words[] = {
		{ "initiator_rejects", "the initiator rejects the answer" },
		{ "response_fragments", "the answer comes in fragments and one is lost" },
		{ "nat_port", "the answer goes to another port than the request came from" },
		{ "ike_stable", "phase 1 stays up" },
		{ "esp_only", "phase 1 was not captured" },
		{ "with_ike", "phase 1 is set up again each time" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, text) == 0)
			return words[i].said;
	return text;
}

void why_evidence_words(struct why_list *to, const struct record_evidence *e)
{
	char buffer[256];
	struct text name = TEXT_IN(buffer);
	struct why_values value = { 0 };
	const char *words = NULL;

	for (size_t i = 0; i < sizeof(evidence_words) / sizeof(evidence_words[0]); i++)
		if (strcmp(evidence_words[i].name, e->name) == 0)
			words = evidence_words[i].words;
	why_values_add_evidence(&value, e, 1);
	text_add(&name, "%s", words ? words : e->name);
	if (!words) {
		static const char *const units[] = { "_s", "_ms" };

		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
			if (ends_with(buffer, units[i]))
				buffer[strlen(buffer) - strlen(units[i])] = '\0';
		for (char *c = buffer; *c; c++)
			if (*c == '_')
				*c = ' ';
	}
	why_list_add(to, "%s: %s", buffer, spoken(value.at[0].text));
	why_values_done(&value);
}

/* ---- terms ---- */

static const struct {
	const char *term, *meaning;
} terms[] = {
	{ "phase 1",
	  "the control connection between the gateways (IKE SA): login and key negotiation" },
	{ "phase 2", "the data connection (child SA, IPsec SA), a pair of SPIs; "
	  "one per pair of networks (proxy ID)" },
	{ "SPI",
	  "number in each protected packet that tells the receiver which key it belongs to" },
	{ "rekey", "new keys for a running phase 1 or 2, before the old ones expire" },
	{ "IKE_SA_INIT", "the first message of IKEv2: ciphers and the key exchange, unencrypted" },
	{ "IKE_AUTH", "the second step of IKEv2: identities, password or certificates, "
	  "and the first phase 2; encrypted" },
	{ "CREATE_CHILD_SA", "the IKEv2 message that asks for a further phase 2 or renews keys" },
	{ "quick mode", "the IKEv1 exchange that sets up or renews phase 2" },
	{ "main mode", "the six messages that set up phase 1 in IKEv1" },
	{ "aggressive mode",
	  "a short set-up of phase 1 in IKEv1 that shows a hash of the password to everybody" },
	{ "ESP", "the protected data packets (IP protocol 50, or in UDP 4500 behind a NAT)" },
	{ "DPD", "dead peer detection: \"are you there?\" over phase 1" },
	{ "PFS", "a fresh Diffie-Hellman key exchange at each renewal of phase 2" },
	{ "proxy ID",
	  "the pair of networks that one phase 2 carries; called traffic selector in IKEv2" },
	{ "INITIAL_CONTACT", "a note at login: forget what you have with me from before" },
	{ "NAT-T", "ESP packed in UDP port 4500, needed behind a NAT" },
	{ "anti-replay", "the receiver drops packets that are too old by their sequence number" },
};

void why_glossary(struct why_list *to, const char *text)
{
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		if (strstr(text, terms[i].term))
			why_list_add(to, "%s: %s", terms[i].term, terms[i].meaning);
}
