/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The captures of real daemons, with the alerts that their labels expect and
 * allow.  The folder is not part of this tree; without it nothing is tested.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <cmocka.h>

#include "detect/replay.h"

#define LAB TEST_SOURCE_DIR "/../shared/captures/lab"

/* The labels' words for conditions; a second name is as good as the first. */
static const struct {
	const char *label, *code, *or_code;
} words[] = {
	{ "auth-failed", "auth_failed", NULL },
	{ "child-failed", "ts_mismatch", NULL },
	{ "dead-peer", "dpd_timeout", NULL },
	{ "ike-auth-retransmit", "ike_auth_retransmit", NULL },
	{ "ike-flap", "ike_flap", NULL },
	{ "ike-fragment-loss", "fragment_loss", NULL },
	{ "ike-init-retransmit", "ike_init_unanswered", NULL },
	{ "ike-scan", "ike_scan", NULL },
	{ "ke-mismatch", "invalid_ke", NULL },
	{ "lifetime-mismatch-declared", "lifetime_mismatch", NULL },
	{ "lifetime-mismatch-inferred", "lifetime_mismatch", NULL },
	{ "nat-mapping-change", "nat_rebind", NULL },
	{ "no-proposal", "no_proposal_chosen", NULL },
	{ "one-way", "one_way_esp", NULL },
	{ "periodic-teardown", "periodic_drop", NULL },
	{ "rekey-by-volume", "volume_expiry", NULL },
	{ "rekey-collision", "rekey_collision", NULL },
	{ "request-retransmit", "rekey_failing", "dpd_timeout" },
	{ "sa-expired-unreplaced", "idle_expiry", "expiry_gap" },
	{ "spi-churn", "spi_churn", NULL },
	{ "stale-spi", "stale_spi", NULL },
	{ "aggressive-mode", "aggressive_psk", NULL },
};

/* True by the capture's story, but the labels have no word for it. */
static bool is_unnamed(const char *name, const char *code)
{
	return strcmp(name, "stale-spi-restart") == 0 && strcmp(code, "peer_restart") == 0;
}

static bool is_condition(const char *code)
{
	for (size_t n = 0; detect_code(n); n++)
		if (strcmp(detect_code(n), code) == 0)
			return true;
	return false;
}

/* The strings of the array `name` inside the label's "alerts". */
struct list {
	size_t n;
	char word[24][40];
};

static struct list list_of(const char *label, const char *name)
{
	struct list l = { .n = 0 };
	const char *alerts = strstr(label, "\"alerts\":"),
		   *at = alerts ? strstr(alerts, name) : NULL;
	const char *end = at ? strchr(at, ']') : NULL;

	if (!end)
		return l;
	at = strchr(at, '[');
	while (l.n < 24 && (at = strchr(at, '"')) && at < end) {
		size_t length = strcspn(at + 1, "\"");

		snprintf(l.word[l.n++], sizeof(l.word[0]), "%.*s", (int)length, at + 1);
		at += length + 2;
	}
	return l;
}

static bool lists(const struct list *l, const char *code)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
			if (strcmp(words[w].label, l->word[i]) == 0 &&
			    (strcmp(words[w].code, code) == 0 ||
			     (words[w].or_code && strcmp(words[w].or_code, code) == 0)))
				return true;
	return false;
}

/* Where lifetimes are seconds, so are the thresholds. */
static const struct {
	const char *key, *value;
} compressed[] = {
	{ "churn.window_s", "60" },   { "churn.age_warn_s", "3.5" }, { "churn.age_crit_s", "2.5" },
	{ "life.min_age_s", "4" },    { "idle_s", "8" },             { "settle_s", "3" },
	{ "birth_window_s", "4" },    { "overlap_budget_s", "2" },
	{ "life.active_s", "2" },     { "judge_s", "1" },            { "oneway.window_s", "10" },
	{ "oneway.min_pkts", "10" },  { "periodic.min_s", "4" },     { "periodic.tolerance_s",
	  "1" },
	{ "flap.reauth_min_s", "10" }, { "flap.reauth_overlap_s", "3" },
};

static struct replay replay;
static int files;

static int check(const char *name, const char *label)
{
	struct list expected = list_of(label, "\"expected\""),
		    allowed = list_of(label, "\"allowed\"");
	char path[600];
	int wrong = 0;

	settings_defaults(&replay.settings);
	if (!strstr(name, "-slow"))
		for (size_t i = 0; i < sizeof(compressed) / sizeof(compressed[0]); i++)
			assert_true(settings_set(&replay.settings, compressed[i].key,
						 compressed[i].value, NULL));
	snprintf(path, sizeof(path), "%s/%s.pcap", LAB, name);
	replay_open(&replay);
	assert_true(replay_file(&replay, path));
	replay_close(&replay);
	files++;
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
		bool wanted = false;

		for (size_t i = 0; i < expected.n; i++)
			wanted |= strcmp(expected.word[i], words[w].label) == 0;
		if (wanted && is_condition(words[w].code) &&
		    !collected_find(&replay.alerts, words[w].code)) {
			print_error("%s: %s was not raised\n", name, words[w].code);
			wrong++;
		}
	}
	for (size_t n = 0; n < replay.alerts.n; n++) {
		const struct collected_alert *a = &replay.alerts.alert[n];

		if (a->record.severity >= SEVERITY_WARNING && !lists(&expected, a->code) &&
		    !lists(&allowed, a->code) && !is_unnamed(name, a->code)) {
			print_error("%s: %s is not true: %s\n", name, a->code, a->summary);
			wrong++;
		}
	}
	replay_free(&replay);
	return wrong;
}

static int names_only(const struct dirent *d)
{
	const char *dot = strrchr(d->d_name, '.');

	return dot && strcmp(dot, ".json") == 0;
}

static void every_lab_capture_raises_what_its_label_expects_and_nothing_it_does_not_allow(
	void **state)
{
	(void)state;
	struct dirent **entries;
	int n = scandir(LAB, &entries, names_only, alphasort), wrong = 0;

	if (n <= 0)
		skip();
	for (int i = 0; i < n; i++) {
		char path[600], name[64];
		char *label = calloc(1, 1 << 20);
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", LAB, entries[i]->d_name);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(entries[i]->d_name, "."),
			 entries[i]->d_name);
		f = fopen(path, "r");
		assert_non_null(f);
		assert_true(fread(label, 1, (1 << 20) - 1, f) > 0);
		fclose(f);
		wrong += check(name, label);
		free(label);
		free(entries[i]);
	}
	free(entries);
	assert_true(files > 0);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		every_lab_capture_raises_what_its_label_expects_and_nothing_it_does_not_allow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
