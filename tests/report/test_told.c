/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "report/told.h"
#include "report/samples.h"

struct telling {
	struct collection c;
	struct told told;
	struct record_sink sink;
};

static void begin(struct telling *w)
{
	collection_init(&w->c);
	told_init(&w->told, &w->c);
	w->sink = told_sink(&w->told);
}

static void end(struct telling *w)
{
	told_done(&w->told);
	collection_done(&w->c);
}

static void tell_tunnel(struct telling *w, const struct record_tunnel *r)
{
	w->sink.tunnel(w->sink.user, r);
}

static void tell_ike_sa(struct telling *w, const struct record_ike_sa *r)
{
	w->sink.ike_sa(w->sink.user, r);
}

static void of_an_ike_sa_that_is_told_again_the_latest_word_counts(void **state)
{
	struct telling w;
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_ike_sa ike = sample_ike_sa(1);

	(void)state;
	begin(&w);
	for (int time = 1; time <= 3; time++) {
		ike.end_reason = time < 3 ? END_NONE : END_FAILED;
		tell_ike_sa(&w, &ike);
		tell_tunnel(&w, &tunnel);
	}
	told_collect(&w.told);
	assert_int_equal(w.c.n_tunnels, 1);

	const struct seen_tunnel *t = &w.c.tunnels[0];

	assert_int_equal(t->ike->sas, 1);
	assert_int_equal(t->ike->living, 0);
	assert_int_equal(t->ike->failed, 1);
	end(&w);
}

/* Each is told once: what they say is added up, also of one tunnel in two series of captures. */
static void of_esp_sas_and_child_sas_only_sums_are_kept(void **state)
{
	struct telling w;

	(void)state;
	begin(&w);
	for (uint32_t capture = 1; capture <= 2; capture++) {
		struct record_tunnel tunnel = sample_tunnel(1);
		struct record_esp_sa esp = sample_esp_sa(1);
		struct record_child_sa child = sample_child_sa(1);

		tunnel.id = esp.tunnel = child.tunnel = object_id_of(capture, 1);
		for (uint32_t i = 1; i <= 2; i++) {
			esp.id = child.id = object_id_of(capture, i);
			esp.packets = 100 * i;
			esp.lost = i == 1 ? RECORD_UNKNOWN : 7;
			esp.first = AT(10 * capture + i);
			esp.last = AT(100 * capture + i);
			child.end_reason = i == 1 ? END_NONE : END_REKEYED;
			child.rekey_at = i == 1 ? NSEC_NONE : child.created + capture * NSEC_PER_S;
			child.rekeyed_by = 1;
			w.sink.esp_sa(w.sink.user, &esp);
			w.sink.child_sa(w.sink.user, &child);
		}
		tell_tunnel(&w, &tunnel);
	}
	told_collect(&w.told);
	assert_int_equal(w.c.n_tunnels, 1);

	const struct seen_tunnel *t = &w.c.tunnels[0];
	const struct seen_traffic *d = &t->traffic[t->traffic[0].sas == 0];
	struct age_summary ages = ages_summary(t->child_ages, 1);

	assert_null(t->ike);
	assert_int_equal(d->sas, 4);
	assert_int_equal(d->packets, 600);
	assert_int_equal(d->lost, 14);
	assert_true(d->loss_unknown);
	assert_int_equal(d->first, AT(11));
	assert_int_equal(d->last, AT(202));
	assert_int_equal(t->child_sas, 4);
	assert_int_equal(t->child_living, 2);
	assert_int_equal(ages.n, 2);
	assert_int_equal(ages.min, NSEC_PER_S);
	assert_int_equal(ages.max, 2 * NSEC_PER_S);
	end(&w);
}

static void a_tunnel_of_which_nothing_else_is_told_does_not_count(void **state)
{
	struct telling w;
	struct record_tunnel silent = sample_tunnel(1), heard = sample_tunnel(2);
	struct record_event event = { .capture = 1,
				      .seq = 1,
				      .tunnel = heard.id,
				      .at = AT(1),
				      .kind = "tunnel_up",
				      .text = "up",
				      .peers = heard.peers };

	(void)state;
	begin(&w);
	tell_tunnel(&w, &silent);
	w.sink.event(w.sink.user, &event);
	tell_tunnel(&w, &heard);
	told_collect(&w.told);
	assert_int_equal(w.c.n_tunnels, 1);
	assert_int_equal(endpoint_compare(w.c.tunnels[0].record.peers[1], heard.peers[1]), 0);
	end(&w);
}

static void ike_sas_stand_by_creation_whichever_ends_first(void **state)
{
	static const uint32_t numbers[] = { 3, 1, 4, 2, 5 };
	struct telling w;
	struct record_tunnel tunnel = sample_tunnel(1);

	(void)state;
	begin(&w);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct record_ike_sa ike = sample_ike_sa(1);

		ike.id = object_id_of(1, numbers[i]);
		ike.created = numbers[i] == 5 ? NSEC_NONE : AT(10 * numbers[i]);
		/* between the second and the third */
		ike.established = numbers[i] == 5 ? AT(25) : NSEC_NONE;
		ike.spi_i = numbers[i];
		tell_ike_sa(&w, &ike);
	}
	tell_tunnel(&w, &tunnel);
	told_collect(&w.told);

	const struct seen_tunnel *t = &w.c.tunnels[0];

	assert_int_equal(t->ike->sas, 5);
	assert_int_equal(t->ike->n_latest, 3);
	assert_int_equal(t->ike->latest[0].spi_i, 5);
	assert_int_equal(t->ike->latest[1].spi_i, 3);
	assert_int_equal(t->ike->latest[2].spi_i, 4);
	end(&w);
}

/* Captures that do not go on from each other: the tracker of the second begins anew. */
static void peers_that_meet_again_are_one_tunnel_as_the_later_capture_has_it(void **state)
{
	static const char *const why[] = { "no IKE was seen" };
	struct telling w;
	struct record_tunnel later = sample_tunnel(1), older = sample_tunnel(1);

	(void)state;
	later.id = object_id_of(1, 1);
	later.state = TUNNEL_DOWN;
	later.first = AT(1000);
	later.last = AT(1060);
	later.n_unobservable = 1;
	later.unobservable = why;
	older.id = object_id_of(2, 1);
	begin(&w);
	for (uint32_t capture = 1; capture <= 2; capture++) {
		struct record_ike_sa ike = sample_ike_sa(1);

		ike.id = ike.tunnel = object_id_of(capture, 1);
		tell_ike_sa(&w, &ike);
		tell_tunnel(&w, capture == 1 ? &later : &older);
	}
	told_collect(&w.told);
	assert_int_equal(w.c.n_tunnels, 1);

	const struct seen_tunnel *t = &w.c.tunnels[0];

	assert_int_equal(t->ike->sas, 2);
	assert_int_equal(t->record.state, TUNNEL_DOWN);
	assert_int_equal(t->record.n_unobservable, 1);
	assert_int_equal(t->record.first, AT(1));
	assert_int_equal(t->record.last, AT(1060));
	end(&w);
}

static void equal_peers_in_two_networks_are_two_tunnels(void **state)
{
	struct telling w;

	(void)state;
	begin(&w);
	told_label(&w.told, sample_peers, "head office");
	for (uint32_t network = 0; network < 2; network++) {
		struct record_tunnel tunnel = sample_tunnel(1);
		struct record_esp_sa esp = sample_esp_sa(1);

		tunnel.id = esp.tunnel = object_id_of(1, 7 + network);
		tunnel.network = network;
		esp.id = object_id_of(1, 1 + network);
		w.sink.esp_sa(w.sink.user, &esp);
		tell_tunnel(&w, &tunnel);
	}
	told_collect(&w.told);
	assert_int_equal(w.c.n_tunnels, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(w.c.tunnels[i].traffic[0].sas + w.c.tunnels[i].traffic[1].sas, 1);
	/* the inventory knows of no networks */
	assert_string_equal(w.c.tunnels[0].record.label, "head office");
	assert_null(w.c.tunnels[1].record.label);
	end(&w);
}

static void of_clients_behind_a_nat_the_inventory_means_the_one_heard_of_last(void **state)
{
	const struct endpoint desk[2] = { { sample_peers[0].addr, 40003 }, sample_peers[1] };
	struct telling w;

	(void)state;
	begin(&w);
	told_label(&w.told, sample_peers, "laptop");
	told_label(&w.told, desk, "desk");
	for (uint16_t i = 0; i < 4; i++) {
		static const int last[] = { 9, 11, 7, 20 };
		struct record_tunnel tunnel = sample_tunnel(1);

		struct record_esp_sa esp = sample_esp_sa(1);

		tunnel.id = esp.tunnel = object_id_of(1, 7 + i);
		esp.id = object_id_of(1, 1 + i);
		w.sink.esp_sa(w.sink.user, &esp);
		tunnel.peers[0].port = (uint16_t)(40000 + i);
		tunnel.last = AT(last[i]);
		tell_tunnel(&w, &tunnel);
	}
	told_collect(&w.told);
	assert_int_equal(w.c.n_tunnels, 4);
	assert_null(w.c.tunnels[0].record.label);
	assert_string_equal(w.c.tunnels[1].record.label, "laptop");
	assert_null(w.c.tunnels[2].record.label);
	assert_string_equal(w.c.tunnels[3].record.label, "desk");	/* named with its port */
	end(&w);
}

static void what_is_said_of_many_tunnels_is_kept_once(void **state)
{
	const char sentence[] = "no IKE was seen: who rekeys, lifetimes and the cause of "
				"interruptions cannot be judged";
	struct telling w;

	(void)state;
	begin(&w);
	for (uint32_t i = 1; i <= 2; i++) {
		char said[sizeof(sentence)];
		const char *const list[] = { said };
		struct record_tunnel tunnel = sample_tunnel(i);
		struct record_esp_sa esp = sample_esp_sa(i);

		esp.id = object_id_of(1, i);
		memcpy(said, sentence, sizeof(said));
		tunnel.n_unobservable = 1;
		tunnel.unobservable = list;
		w.sink.esp_sa(w.sink.user, &esp);
		tell_tunnel(&w, &tunnel);
	}
	told_collect(&w.told);
	assert_int_equal(w.c.n_tunnels, 2);
	assert_string_equal(w.c.tunnels[0].record.unobservable[0], sentence);
	assert_ptr_equal(w.c.tunnels[0].record.unobservable[0],
			 w.c.tunnels[1].record.unobservable[0]);
	end(&w);
}

static void an_alert_is_told_as_it_is_in_the_end(void **state)
{
	struct telling w;
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_alert alert = sample_alert(1), capture = sample_alert(1);

	(void)state;
	begin(&w);
	alert.severity = SEVERITY_CRITICAL;
	w.sink.alert(w.sink.user, &alert);
	alert.severity = SEVERITY_WARNING;
	w.sink.alert(w.sink.user, &alert);
	capture.id = object_id_of(1, 99);
	capture.tunnel = 0;
	capture.peers = NULL;
	w.sink.alert(w.sink.user, &capture);
	tell_tunnel(&w, &tunnel);
	told_collect(&w.told);
	assert_int_equal(w.c.n_alerts, 1);
	assert_int_equal(w.c.tunnels[0].n_alerts, 1);
	assert_int_equal(w.c.tunnels[0].alerts[0].severity, SEVERITY_WARNING);
	end(&w);
}

static void thousands_are_told_apart(void **state)
{
	enum { MANY = 5000 };
	struct telling w;

	(void)state;
	begin(&w);
	for (int time = 0; time < 2; time++)
		for (uint32_t i = 1; i <= MANY; i++) {
			struct record_tunnel tunnel = sample_tunnel(i);
			struct record_ike_sa ike = sample_ike_sa(i);

			ike.id = object_id_of(1, MANY + 1 - i);
			ike.messages = i;
			ike.spi_i = i;
			tell_ike_sa(&w, &ike);
			tell_tunnel(&w, &tunnel);
		}
	told_collect(&w.told);
	assert_int_equal(w.c.n_tunnels, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(w.c.tunnels[i].ike->sas, 1);
		assert_int_equal(w.c.tunnels[i].ike->latest[0].spi_i,
				 w.c.tunnels[i].record.peers[1].addr.low -
					 sample_peers[1].addr.low + 1);
	}
	end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_an_ike_sa_that_is_told_again_the_latest_word_counts),
		cmocka_unit_test(of_esp_sas_and_child_sas_only_sums_are_kept),
		cmocka_unit_test(a_tunnel_of_which_nothing_else_is_told_does_not_count),
		cmocka_unit_test(ike_sas_stand_by_creation_whichever_ends_first),
		cmocka_unit_test(peers_that_meet_again_are_one_tunnel_as_the_later_capture_has_it),
		cmocka_unit_test(equal_peers_in_two_networks_are_two_tunnels),
		cmocka_unit_test(of_clients_behind_a_nat_the_inventory_means_the_one_heard_of_last),
		cmocka_unit_test(what_is_said_of_many_tunnels_is_kept_once),
		cmocka_unit_test(an_alert_is_told_as_it_is_in_the_end),
		cmocka_unit_test(thousands_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
