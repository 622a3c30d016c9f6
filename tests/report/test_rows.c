/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "report/samples.h"

/* Every kind of record to whichever members the sink has set. */
static void walk(const struct record_sink *sink)
{
	struct record_tunnel tunnel = sample_tunnel(1);
	struct record_ike_sa ike = sample_ike_sa(1);
	struct record_child_sa child = sample_child_sa(1);
	struct record_esp_sa esp = sample_esp_sa(1);
	struct record_exchange exchange = sample_exchange(1);
	struct record_event event = {
		.at = AT(3), .kind = "nat_found", .text = "behind a NAT", .peers = sample_peers
	};
	struct record_alert alert = sample_alert(1);

	if (sink->tunnel)
		sink->tunnel(sink->user, &tunnel);
	if (sink->ike_sa)
		sink->ike_sa(sink->user, &ike);
	if (sink->child_sa)
		sink->child_sa(sink->user, &child);
	if (sink->esp_sa)
		sink->esp_sa(sink->user, &esp);
	if (sink->exchange)
		sink->exchange(sink->user, &exchange);
	if (sink->event)
		sink->event(sink->user, &event);
	if (sink->alert)
		sink->alert(sink->user, &alert);
}

static size_t count(const char *text, char wanted)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == wanted;
	return n;
}

static void frames_stand_in_order(void **state)
{
	struct record_alert alert = sample_alert(1);
	struct printed p;

	(void)state;
	alert.n_frames = 3;
	alert.frames[0] = 17;
	alert.frames[1] = 200;
	alert.frames[2] = 5;
	printed_open(&p);

	struct rows *rows = rows_open(p.out, TABLE_CSV, ROWS_ALERTS);
	struct record_sink sink = rows_sink(rows);

	sink.alert(sink.user, &alert);
	rows_close(rows);
	assert_non_null(strstr(printed_text(&p), ",5 17 200,"));
	printed_close(&p);
}

static void every_row_of_every_table_has_as_many_cells_as_its_header(void **state)
{
	(void)state;
	for (int kind = ROWS_TUNNELS; kind <= ROWS_ALERTS; kind++) {
		struct printed p;

		printed_open(&p);

		struct rows *rows = rows_open(p.out, TABLE_CSV, (enum rows_kind)kind);
		struct record_sink sink = rows_sink(rows);

		walk(&sink);
		rows_close(rows);
		printed_text(&p);
		assert_int_equal(count(p.text, '\n'), 2);

		char *row = strchr(p.text, '\n') + 1;

		/* the only comma inside a cell of these samples is in the alert's summary */
		assert_int_equal(count(row, ','),
				 count(p.text, ',') - count(row, ',') + (kind == ROWS_ALERTS));
		printed_close(&p);
	}
}

static void sas_of_every_kind_have_one_header(void **state)
{
	struct printed p;

	(void)state;
	printed_open(&p);

	struct rows *rows = rows_open(p.out, TABLE_CSV, ROWS_SAS);
	struct record_sink sink = rows_sink(rows);
	size_t commas;

	walk(&sink);
	rows_close(rows);
	printed_text(&p);
	assert_int_equal(count(p.text, '\n'), 4);
	for (const char *kind = "ike\0child\0esp\0"; *kind; kind += strlen(kind) + 1) {
		char begin[16];

		snprintf(begin, sizeof(begin), "\n%s,", kind);
		assert_non_null(strstr(p.text, begin));
	}
	commas = count(p.text, ',');
	assert_int_equal(commas % 4, 0);
	for (const char *line = p.text; *line; line = strchr(line, '\n') + 1) {
		size_t n = 0;

		for (const char *c = line; *c != '\n'; c++)
			n += *c == ',';
		assert_int_equal(n, commas / 4);
	}
	printed_close(&p);
}

static void json_rows_are_the_objects_of_the_contract_and_only_of_their_kind(void **state)
{
	static const char *const types[] = {
		[ROWS_TUNNELS] = "\"tunnel\"", [ROWS_IKE_SAS] = "\"ike_sa\"",
			[ROWS_CHILD_SAS] = "\"child_sa\"",
		[ROWS_ESP_SAS] = "\"esp_sa\"", [ROWS_EXCHANGES] = "\"exchange\"",
			[ROWS_EVENTS] = "\"event\"",
		[ROWS_ALERTS] = "\"alert\"",
	};

	(void)state;
	for (int kind = ROWS_TUNNELS; kind <= ROWS_ALERTS; kind++) {
		struct printed p;

		printed_open(&p);

		struct rows *rows = rows_open(p.out, TABLE_JSON, (enum rows_kind)kind);
		struct record_sink sink = rows_sink(rows);

		walk(&sink);
		rows_close(rows);
		assert_int_equal(count(printed_text(&p), '\n'), 1);
		assert_ptr_equal(strstr(p.text, types[kind]),
				 p.text + strlen("{\"_v\":1,\"type\":"));
		printed_close(&p);
	}
}

static void a_tunnel_has_the_name_that_the_inventory_gives_it(void **state)
{
	struct record_tunnel tunnel = sample_tunnel(1);
	struct printed p;

	(void)state;
	tunnel.label = "hq-branch1";
	printed_open(&p);

	struct rows *rows = rows_open(p.out, TABLE_CSV, ROWS_TUNNELS);
	struct record_sink sink = rows_sink(rows);

	sink.tunnel(sink.user, &tunnel);
	tunnel.label = NULL;
	sink.tunnel(sink.user, &tunnel);
	rows_close(rows);
	printed_text(&p);
	assert_non_null(strstr(p.text, ",name\r\n"));
	assert_non_null(strstr(p.text, ",hq-branch1\r\n"));
	assert_string_equal(p.text + strlen(p.text) - 3, ",\r\n");	/* not known: nothing */
	printed_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_stand_in_order),
		cmocka_unit_test(every_row_of_every_table_has_as_many_cells_as_its_header),
		cmocka_unit_test(sas_of_every_kind_have_one_header),
		cmocka_unit_test(json_rows_are_the_objects_of_the_contract_and_only_of_their_kind),
		cmocka_unit_test(a_tunnel_has_the_name_that_the_inventory_gives_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
