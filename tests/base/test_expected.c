/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/expected.h>

static struct endpoint at(const char *text)
{
	struct endpoint p;

	assert_true(endpoint_parse(text, &p));
	return p;
}

static size_t place(const struct expected *x, const char *a, const char *b)
{
	const struct endpoint peers[2] = { at(a), at(b) };

	return expected_find(x, peers);
}

static struct expected_tunnel *with_peers(struct expected *x, const char *name, const char *peers)
{
	struct expected_tunnel *t = expected_add(x, name);
	struct err e;

	assert_non_null(t);
	assert_true(expected_set(x, t, "peers", peers, &e));
	return t;
}

static void peers_may_be_given_in_either_order(void **state)
{
	struct expected x = { 0 };

	(void)state;
	with_peers(&x, "a", "198.51.100.1, 192.0.2.1");
	with_peers(&x, "b", "2001:db8::2,192.0.2.1");
	assert_int_equal(place(&x, "192.0.2.1", "198.51.100.1"), 0);
	assert_int_equal(place(&x, "192.0.2.1", "2001:db8::2"), 1);
	assert_int_equal(place(&x, "192.0.2.1", "198.51.100.2"), x.n);
	expected_done(&x);
}

static void a_port_that_is_left_open_fits_any_and_a_named_one_fits_better(void **state)
{
	struct expected x = { 0 };

	(void)state;
	with_peers(&x, "any", "192.0.2.1, 198.51.100.1");
	with_peers(&x, "client", "192.0.2.1:1024, 198.51.100.1");
	assert_int_equal(place(&x, "192.0.2.1:77", "198.51.100.1"), 0);
	assert_int_equal(place(&x, "192.0.2.1:1024", "198.51.100.1"), 1);
	assert_int_equal(place(&x, "192.0.2.1", "198.51.100.1"), 0);
	expected_done(&x);
}

static void the_ports_of_ike_tell_no_peers_apart(void **state)
{
	struct expected x = { 0 };
	struct expected_tunnel *t = with_peers(&x, "a", "192.0.2.1:500, [2001:db8::1]:4500");

	(void)state;
	assert_int_equal(t->peers[0].port, 0);
	assert_int_equal(t->peers[1].port, 0);
	expected_done(&x);
}

static void what_makes_no_tunnel_is_refused_with_a_remedy(void **state)
{
	static const struct { const char *key, *value, *words; } rows[] = {
		{ "peers", "192.0.2.1", "write peers = " },
		{ "peers", "192.0.2.1, gateway", "\"gateway\" is no address" },
		{ "peers", "192.0.2.1:0, 192.0.2.2", "no address" },
		{ "peers", "192.0.2.1:65536, 192.0.2.2", "no address" },
		{ "peers", "[192.0.2.1]:77, 192.0.2.2", "no address" },
		{ "peers", "192.0.2.1, 192.0.2.1", "two different ends" },
		{ "peers", "192.0.2.9, 192.0.2.8", "are the peers of first" },
		{ "profile", "always", "write site-to-site, on-demand or remote-access" },
		{ "peer", "192.0.2.1", "unknown setting" },
		{ "churn.warn", "many", "not a number" },
		{ "table.tunnels", "100", "for all tunnels" },
		{ "settle_s", "10", "for all tunnels" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct expected x = { 0 };
		struct expected_tunnel *t;
		struct err e = { "" };

		with_peers(&x, "first", "192.0.2.8, 192.0.2.9");
		t = expected_add(&x, "second");
		assert_false(expected_set(&x, t, rows[i].key, rows[i].value, &e));
		if (!strstr(e.text, rows[i].words))
			fail_msg("%s = %s: %s", rows[i].key, rows[i].value, e.text);
		expected_done(&x);
	}
}

static void the_peers_of_a_tunnel_are_given_once(void **state)
{
	struct expected x = { 0 };
	struct expected_tunnel *t = with_peers(&x, "a", "192.0.2.1, 192.0.2.2");
	struct err e = { "" };

	(void)state;
	assert_false(expected_set(&x, t, "peers", "192.0.2.3, 192.0.2.4", &e));
	assert_string_equal(e.text, "peers: given twice for a");
	assert_int_equal(place(&x, "192.0.2.1", "192.0.2.2"), 0);
	assert_int_equal(place(&x, "192.0.2.3", "192.0.2.4"), x.n);
	expected_done(&x);
}

static void two_clients_behind_one_address_are_known_by_their_ports_in_either_order(void **state)
{
	struct expected x = { 0 };

	(void)state;
	with_peers(&x, "a", "192.0.2.1:20000, 192.0.2.1:10000");
	assert_int_equal(place(&x, "192.0.2.1:10000", "192.0.2.1:20000"), 0);
	assert_int_equal(place(&x, "192.0.2.1:20000", "192.0.2.1:10000"), 0);
	assert_int_equal(place(&x, "192.0.2.1:10000", "192.0.2.1:20001"), x.n);
	expected_done(&x);
}

static void no_two_tunnels_have_one_name(void **state)
{
	struct expected x = { 0 };

	(void)state;
	assert_non_null(expected_add(&x, "a"));
	assert_null(expected_add(&x, "a"));
	expected_done(&x);
}

static void its_own_settings_win_and_the_others_are_the_general_ones(void **state)
{
	struct expected x = { 0 };
	struct expected_tunnel *t = with_peers(&x, "a", "192.0.2.1, 192.0.2.2");
	struct settings general, own;
	struct err e;

	(void)state;
	settings_defaults(&general);
	general.churn_crit = 77;
	assert_true(expected_set(&x, t, "churn.warn", "10", &e));
	assert_true(expected_set(&x, t, "churn.warn", "11", &e));
	expected_settings(t, &general, &own);
	assert_int_equal(own.churn_warn, 11);
	assert_int_equal(own.churn_crit, 77);
	assert_int_not_equal(general.churn_warn, 11);
	expected_done(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(peers_may_be_given_in_either_order),
		cmocka_unit_test(a_port_that_is_left_open_fits_any_and_a_named_one_fits_better),
		cmocka_unit_test(the_ports_of_ike_tell_no_peers_apart),
		cmocka_unit_test(what_makes_no_tunnel_is_refused_with_a_remedy),
		cmocka_unit_test(the_peers_of_a_tunnel_are_given_once),
		cmocka_unit_test(
			two_clients_behind_one_address_are_known_by_their_ports_in_either_order),
		cmocka_unit_test(no_two_tunnels_have_one_name),
		cmocka_unit_test(its_own_settings_win_and_the_others_are_the_general_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
