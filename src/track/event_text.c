/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sentences with which the history describes events, one function for each kind. */
#include "track/tracker.h"

#include <assert.h>

#include <sawatch/ike_registry.h>
#include <sawatch/text.h>

/* One of them on its way. */
struct sentence {
	struct text *text;
	const struct tracker *t;
	const struct event *ev;
};

/* ---- who and what --------------------------------------------------------- */

static void add_peer(const struct sentence *s, int side)
{
	const struct tunnel *tunnels = s->t->tunnels;
	char peer[ENDPOINT_TEXT_MAX];

	if (s->ev->tunnel == NO_INDEX || side < 0)
		text_add(s->text, "a peer");
	else
		text_add(s->text, "%s", endpoint_text(tunnels[s->ev->tunnel].peer[side], peer));
}

static void add_ike_sa(const struct sentence *s, uint32_t i)
{
	const struct ike_sa *sas = s->t->ike_sas;
	char spis[IKE_SPIS_TEXT_MAX];

	if (i != NO_INDEX)
		text_add(s->text, "IKE SA %s", ike_spis_text(sas[i].spi_i, sas[i].spi_r, spis));
	else
		text_add(s->text, "an IKE SA");
}

static void add_child_sa(const struct sentence *s, uint32_t i)
{
	char spi[SPI_TEXT_MAX];

	text_add(s->text, "child SA");
	if (i == NO_INDEX)
		return;
	for (int d = 0; d < 2; d++) {
		uint32_t value = s->t->child_sas[i].spi[d];

		text_add(s->text, "%s%s", d == 0 ? " " : "/", value ? spi_text(value, spi) : "?");
	}
}

/* The SPIs of a child SA are known from its first packets on. */
static bool has_spi(const struct tracker *t, uint32_t i)
{
	return i != NO_INDEX && (t->child_sas[i].spi[0] || t->child_sas[i].spi[1]);
}

static void add_exchange(const struct sentence *s)
{
	const struct exchange *exchange = s->ev->exchange;
	const char *name = ike_exchange_name(exchange->major, exchange->type);

	if (name)
		text_add(s->text, "%s", name);
	else
		text_add(s->text, "EXCHANGE_%u", exchange->type);
	text_add(s->text, " (message ID %u)", exchange->message_id);
}

static void add_span(const struct sentence *s, nsec span)
{
	char text[NSEC_TEXT_MAX];

	text_add(s->text, "%s", nsec_span(span, text));
}

/* How old the SA was that a rekey replaced; negative: it began unseen. */
static void add_age_at_rekey(const struct sentence *s)
{
	if (s->ev->value[0] < 0)
		return;
	text_add(s->text, " at the age of ");
	add_span(s, s->ev->value[0]);
}

/* Why an SA ended, and which peer: the one that ended it, or the one that was lost. */
static void add_end(const struct sentence *s, enum end_reason why)
{
	const char *reason = end_reason_text(why);
	int side = s->ev->side;

	text_add(s->text, "%s", reason ? reason : "unknown");
	if (why == END_SUPERSEDED)
		text_add(s->text, " by a newer one%s", side >= 0 ? ", deleted" : "");
	if (side < 0)
		return;
	text_add(s->text, why == END_PEER_LOST ? ", " : " by ");
	add_peer(s, side);
	if (why == END_PEER_LOST)
		text_add(s->text, " answers no more");
}

/* ---- IKE SAs -------------------------------------------------------------- */

static void say_ike_sa_created(const struct sentence *s)
{
	const struct ike_sa *sa = &s->t->ike_sas[s->ev->ike_sa];

	add_peer(s, s->ev->side);
	text_add(s->text, " begins an IKEv%u SA, initiator SPI %016llx", sa->major,
		 (unsigned long long)sa->spi_i);
}

static void say_ike_sa_established(const struct sentence *s)
{
	add_ike_sa(s, s->ev->ike_sa);
	text_add(s->text, " is established, initiator ");
	add_peer(s, s->t->ike_sas[s->ev->ike_sa].initiator_side);
}

static void say_ike_sa_rekeyed(const struct sentence *s)
{
	add_ike_sa(s, s->ev->other);
	text_add(s->text, " was rekeyed by ");
	add_peer(s, s->ev->side);
	text_add(s->text, " into ");
	add_ike_sa(s, s->ev->ike_sa);
	add_age_at_rekey(s);
}

static void say_ike_sa_ended(const struct sentence *s)
{
	const struct ike_sa *sa = &s->t->ike_sas[s->ev->ike_sa];

	add_ike_sa(s, s->ev->ike_sa);
	text_add(s->text, " ended: ");
	add_end(s, sa->end_reason);
	text_add(s->text, ", age ");
	add_span(s, s->ev->at - sa->created);
}

static void say_ike_sa_revised(const struct sentence *s)
{
	add_ike_sa(s, s->ev->ike_sa);
	text_add(s->text, " goes on: it has not ended (");
	add_end(s, (enum end_reason)s->ev->value[0]);
	text_add(s->text, ")");
}

/* ---- child SAs ------------------------------------------------------------ */

static void say_child_sa_created(const struct sentence *s)
{
	if (has_spi(s->t, s->ev->child_sa))
		add_child_sa(s, s->ev->child_sa);
	else
		text_add(s->text, "a child SA");
	text_add(s->text, " is created");
	if (s->ev->side >= 0) {
		text_add(s->text, " by ");
		add_peer(s, s->ev->side);
	}
}

static void say_child_sa_rekeyed(const struct sentence *s)
{
	add_child_sa(s, s->ev->other);
	text_add(s->text, " was rekeyed by ");
	add_peer(s, s->ev->side);
	if (has_spi(s->t, s->ev->child_sa)) {
		text_add(s->text, " into ");
		add_child_sa(s, s->ev->child_sa);
	}
	add_age_at_rekey(s);
}

static void say_child_sa_ended(const struct sentence *s)
{
	add_child_sa(s, s->ev->child_sa);
	text_add(s->text, " ended: ");
	add_end(s, s->t->child_sas[s->ev->child_sa].end_reason);
}

/* ---- ESP SAs -------------------------------------------------------------- */

static void say_esp_sa_first(const struct sentence *s)
{
	const struct esp_sa *sa = &s->t->esp_sas[s->ev->esp_sa];
	const struct endpoint to = { esp_ends(s->t, sa).dst, 0 };
	char spi[SPI_TEXT_MAX], endpoint[ENDPOINT_TEXT_MAX];

	text_add(s->text, "first packet on SPI %s to %s, sequence %u", spi_text(sa->spi, spi),
		 endpoint_text(to, endpoint), sa->seq_first);
}

static void say_esp_seq_reset(const struct sentence *s)
{
	const struct esp_sa *sa = &s->t->esp_sas[s->ev->esp_sa];
	char spi[SPI_TEXT_MAX];

	text_add(s->text, "sequence of SPI %s starts again at %u after %lld",
		 spi_text(sa->spi, spi), sa->seq_first, (long long)s->ev->value[0]);
}

static void say_esp_seq_jump(const struct sentence *s)
{
	char spi[SPI_TEXT_MAX];

	text_add(s->text, "sequence of SPI %s jumps ahead by %lld",
		 spi_text(s->t->esp_sas[s->ev->esp_sa].spi, spi), (long long)s->ev->value[0]);
}

/* ---- what the two say to each other --------------------------------------- */

static void say_retransmission(const struct sentence *s)
{
	add_peer(s, s->ev->side);
	text_add(s->text, " sent ");
	add_exchange(s);
	text_add(s->text, " %u times, %s", s->ev->exchange->requests,
		 s->ev->exchange->responses ? "answered" : "never answered");
}

static void say_rekey_collision(const struct sentence *s)
{
	if (s->ev->child_sa != NO_INDEX) {
		text_add(s->text, "both peers rekeyed the same child SA at once; "
				"one of the new SAs is redundant");
		return;
	}
	text_add(s->text, "both peers rekeyed ");
	add_ike_sa(s, s->ev->ike_sa);
	text_add(s->text, " at once; one of the two new IKE SAs is redundant");
}

static void say_delete_collision(const struct sentence *s)
{
	text_add(s->text, "both peers deleted at once");
}

static void say_child_refused(const struct sentence *s)
{
	add_peer(s, s->ev->side);
	text_add(s->text, " refuses ");
	add_exchange(s);
}

static void say_auth_refused(const struct sentence *s)
{
	add_peer(s, s->ev->side);
	text_add(s->text, " refuses the authentication of ");
	add_ike_sa(s, s->ev->ike_sa);
}

static void say_error_notify(const struct sentence *s)
{
	const int64_t *value = s->ev->value;	/* its type, the version of IKE, what it carries */
	const char *name = ike_notify_name((unsigned)value[1], (uint16_t)value[0]);

	add_peer(s, s->ev->side);
	text_add(s->text, " says in clear ");
	if (name)
		text_add(s->text, "%s", name);
	else
		text_add(s->text, "NOTIFY_%d", (int)value[0]);
	if (value[0] == IKE2_NOTIFY_INVALID_KE_PAYLOAD && value[1] == 2 && value[2] != 0)
		text_add(s->text, ", wanting group %d", (int)value[2]);
	else if (value[0] == IKE2_NOTIFY_INVALID_SPI && value[2] != 0)
		text_add(s->text, " %08x", (unsigned)value[2]);
}

static void say_cookie(const struct sentence *s)
{
	add_peer(s, s->ev->side);
	text_add(s->text, " asks for a cookie");
}

/* ---- where they are, and the way between ---------------------------------- */

static void say_nat_found(const struct sentence *s)
{
	add_peer(s, s->ev->side);
	text_add(s->text, " stands behind a NAT");
}

static void say_address_moved(const struct sentence *s)
{
	const struct tunnel *w = &s->t->tunnels[s->ev->tunnel];
	int side = s->ev->side;
	char text[ENDPOINT_TEXT_MAX];

	add_peer(s, side);
	text_add(s->text, " now speaks from %s",
		 side < 0 ? "elsewhere" : endpoint_text(tunnel_now(w, side), text));
}

static void say_icmp_error(const struct sentence *s)
{
	const int64_t *value = s->ev->value;	/* type, code, MTU */

	text_add(s->text, "ICMP error type %d code %d about this tunnel", (int)value[0],
		 (int)value[1]);
	if (value[2] > 0)
		text_add(s->text, ", next-hop MTU %d", (int)value[2]);
}

static void say_fragment_missing(const struct sentence *s)
{
	text_add(s->text, "a datagram of ");
	add_peer(s, s->ev->side);
	text_add(s->text, " was never completed: a fragment is missing");
}

/* ---- the capture, and the history ----------------------------------------- */

static void say_one_sided(const struct sentence *s)
{
	text_add(s->text, "what ");
	add_peer(s, s->ev->side);
	text_add(s->text, " sends is not in this capture: %d answers must exist and were not seen",
		 (int)s->ev->value[0]);
}

/* Either the capture itself says what it dropped, or the sequence numbers of the tunnels do. */
static void say_capture_loss(const struct sentence *s)
{
	const int64_t *value = s->ev->value;	/* tunnels; within which time, packets */

	if (value[2] > 0) {
		text_add(s->text, "the capture dropped %lld packets within ", (long long)value[2]);
		add_span(s, value[1]);
	} else {
		text_add(s->text, "the capture lost packets: sequence numbers of %d tunnels jump "
				"at the same moment", (int)value[0]);
	}
}

static void say_mirror(const struct sentence *s)
{
	text_add(s->text, "the mirror delivers packets twice: %lld of %lld",
		 (long long)s->ev->value[0], (long long)s->ev->value[1]);
}

static void say_clock_jump(const struct sentence *s)
{
	nsec step = s->ev->value[0];

	text_add(s->text, "the capture's clock steps %s by ", step < 0 ? "back" : "forward");
	add_span(s, step < 0 ? -step : step);
}

static void say_unwatched(const struct sentence *s)
{
	text_add(s->text, "nobody watched for ");
	add_span(s, s->ev->value[0]);
}

static void say_left_out(const struct sentence *s)
{
	text_add(s->text, "%lld rows about %s were left out of the history within ",
		 (long long)s->ev->value[0],
		 s->ev->tunnel == NO_INDEX ? "peers that nobody answers" : "this tunnel");
	add_span(s, s->ev->value[1]);
	text_add(s->text, ": too many at once, and nothing confirmed them");
}

static void say_table_full(const struct sentence *s)
{
	text_add(s->text, "a table is full: the quietest entries are forgotten");
}

/* ---- which of them -------------------------------------------------------- */

/* Of each kind that is history, and of no other: tests/track/test_event.c. */
static void (*const tellers[EVENT_KINDS])(const struct sentence *s) = {
	[EVENT_IKE_SA_CREATED] = say_ike_sa_created,
	[EVENT_IKE_SA_ESTABLISHED] = say_ike_sa_established,
	[EVENT_IKE_SA_REKEYED] = say_ike_sa_rekeyed,
	[EVENT_IKE_SA_ENDED] = say_ike_sa_ended,
	[EVENT_IKE_SA_REVISED] = say_ike_sa_revised,
	[EVENT_CHILD_SA_CREATED] = say_child_sa_created,
	[EVENT_CHILD_SA_REKEYED] = say_child_sa_rekeyed,
	[EVENT_CHILD_SA_ENDED] = say_child_sa_ended,
	[EVENT_ESP_SA_FIRST] = say_esp_sa_first,
	[EVENT_ESP_SEQ_RESET] = say_esp_seq_reset,
	[EVENT_ESP_SEQ_JUMP] = say_esp_seq_jump,
	[EVENT_RETRANSMISSION] = say_retransmission,
	[EVENT_REKEY_COLLISION] = say_rekey_collision,
	[EVENT_DELETE_COLLISION] = say_delete_collision,
	[EVENT_CHILD_REFUSED] = say_child_refused,
	[EVENT_AUTH_REFUSED] = say_auth_refused,
	[EVENT_ERROR_NOTIFY] = say_error_notify,
	[EVENT_COOKIE] = say_cookie,
	[EVENT_NAT_FOUND] = say_nat_found,
	[EVENT_ADDRESS_MOVED] = say_address_moved,
	[EVENT_ICMP_ERROR] = say_icmp_error,
	[EVENT_FRAGMENT_MISSING] = say_fragment_missing,
	[EVENT_ONE_SIDED] = say_one_sided,
	[EVENT_CAPTURE_LOSS] = say_capture_loss,
	[EVENT_MIRROR] = say_mirror,
	[EVENT_CLOCK_JUMP] = say_clock_jump,
	[EVENT_UNWATCHED] = say_unwatched,
	[EVENT_LEFT_OUT] = say_left_out,
	[EVENT_TABLE_FULL] = say_table_full,
};

bool event_has_sentence(enum event_kind k)
{
	return tellers[k];
}

void event_say(struct text *to, const struct tracker *t, const struct event *ev)
{
	assert(event_has_sentence(ev->kind));
	tellers[ev->kind](&(struct sentence){ .text = to, .t = t, .ev = ev });
}
