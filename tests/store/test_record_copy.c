/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "store/samples.h"

#include "store/record_copy.h"

/* A copy in memory of exactly its size; what the record borrows may go then. */
static void *copy_of(enum kind kind, const void *record)
{
	size_t size = record_copy(kind, record, NULL);
	void *at = malloc(size);

	assert_non_null(at);
	assert_int_equal(record_copy(kind, record, at), size);
	return at;
}

/* Text that is gone when the test wants it to be. */
static char *passing(const char *text)
{
	char *mine = strdup(text);

	assert_non_null(mine);
	return mine;
}

static void vanish(char *text)
{
	memset(text, 'x', strlen(text));
	free(text);
}

static void an_alert_takes_its_evidence_and_its_advice_along(void **state)
{
	char *code = passing("spi_churn"), *summary = passing("too many SPIs"),
	     *name = passing("copies"), *word = passing("eleven"), *vendor = passing("any"),
	     *step = passing("look");
	struct endpoint *peers = malloc(sizeof(sample_peers));
	struct record_evidence *evidence = calloc(2, sizeof(*evidence));
	struct record_action *actions = calloc(1, sizeof(*actions));

	(void)state;
	memcpy(peers, sample_peers, sizeof(sample_peers));
	evidence[0] = (struct record_evidence){ .name = name, .type = EVIDENCE_TEXT, .text = word };
	evidence[1] = (struct record_evidence){ .name = name, .type = EVIDENCE_REAL, .real = 0.5 };
	actions[0] = (struct record_action){ vendor, step };

	struct record_alert alert = {
		.id = 7, .tunnel = 8, .code = code, .severity = SEVERITY_CRITICAL, .count = 3,
		.summary = summary,
		.n_evidence = 2, .evidence = evidence, .n_frames = 2, .frames = { 5, 6 },
		.n_actions = 1,
		.actions = actions, .peers = peers,
	};
	struct record_alert *mine = copy_of(ALERT, &alert);

	vanish(code), vanish(summary), vanish(name), vanish(word), vanish(vendor), vanish(step);
	memset(peers, 0, sizeof(sample_peers));
	free(peers), free(evidence), free(actions);

	assert_int_equal(mine->id, 7);
	assert_int_equal(mine->count, 3);
	assert_int_equal(mine->frames[1], 6);
	assert_string_equal(mine->code, "spi_churn");
	assert_string_equal(mine->summary, "too many SPIs");
	assert_null(mine->cause);
	assert_string_equal(mine->evidence[0].name, "copies");
	assert_string_equal(mine->evidence[0].text, "eleven");
	assert_string_equal(mine->evidence[1].name, "copies");
	assert_true(mine->evidence[1].real == 0.5);
	assert_string_equal(mine->actions[0].vendor, "any");
	assert_string_equal(mine->actions[0].text, "look");
	assert_memory_equal(mine->peers, sample_peers, sizeof(sample_peers));
	free(mine);
}

static void an_ike_sa_takes_its_offers_and_vendors_along(void **state)
{
	char *cipher = passing("AES-CBC-256"), *group = passing("MODP 2048"),
	     *vendor = passing("strongSwan");
	const char **vendors = calloc(2, sizeof(*vendors));
	struct record_offer *offers = calloc(2, sizeof(*offers));

	(void)state;
	vendors[0] = vendor;
	vendors[1] = cipher;
	offers[1] =
		(struct record_offer){ .encryption = cipher, .group = group, .life_seconds = 3600 };

	struct record_ike_sa sa = {
		.id = 7, .suite = { .encryption = cipher }, .n_offered = 2, .offered = offers,
		.n_vendor_ids = 2,
		.vendor_ids = vendors,
	};
	struct record_ike_sa *mine = copy_of(IKE_SA, &sa);

	vanish(cipher), vanish(group), vanish(vendor);
	free(vendors), free(offers);
	assert_string_equal(mine->suite.encryption, "AES-CBC-256");
	assert_null(mine->suite.group);
	assert_null(mine->offered[0].encryption);
	assert_string_equal(mine->offered[1].encryption, "AES-CBC-256");
	assert_string_equal(mine->offered[1].group, "MODP 2048");
	assert_int_equal(mine->offered[1].life_seconds, 3600);
	assert_string_equal(mine->vendor_ids[0], "strongSwan");
	assert_string_equal(mine->vendor_ids[1], "AES-CBC-256");
	assert_null(mine->peers);
	free(mine);
}

static void captures_tunnels_events_and_exchanges_take_their_words_along(void **state)
{
	char *name = passing("x.pcap"), *kind = passing("file"), *sentence = passing("cut short");
	const char *sentences[] = { sentence };
	struct record_capture capture = {
		.name = name, .kind = kind, .n_warnings = 1, .warnings = sentences
	};
	struct record_tunnel tunnel = { .n_unobservable = 1,
					.unobservable = sentences,
					.label = name };
	struct record_event event = { .seq = 9, .kind = kind, .text = sentence };
	struct record_exchange exchange = { .kind = kind, .peers = sample_peers };
	struct record_capture *my_capture = copy_of(CAPTURE, &capture);
	struct record_tunnel *my_tunnel = copy_of(TUNNEL, &tunnel);
	struct record_event *my_event = copy_of(EVENT, &event);
	struct record_exchange *my_exchange = copy_of(EXCHANGE, &exchange);

	(void)state;
	vanish(name), vanish(kind), vanish(sentence);
	assert_string_equal(my_capture->name, "x.pcap");
	assert_string_equal(my_capture->kind, "file");
	assert_null(my_capture->fingerprint);
	assert_string_equal(my_capture->warnings[0], "cut short");
	assert_string_equal(my_tunnel->unobservable[0], "cut short");
	assert_string_equal(my_tunnel->label, "x.pcap");
	assert_string_equal(my_event->kind, "file");
	assert_string_equal(my_event->text, "cut short");
	assert_int_equal(my_event->seq, 9);
	assert_string_equal(my_exchange->kind, "file");
	assert_memory_equal(my_exchange->peers, sample_peers, sizeof(sample_peers));
	free(my_capture), free(my_tunnel), free(my_event), free(my_exchange);
}

static void an_esp_sa_a_child_sa_and_traffic_are_copied_whole(void **state)
{
	struct record_esp_sa sa = sample_esp_sa(1, 5);
	struct record_child_sa child = { .id = 3, .spis = { 1, 2 }, .peers = sample_peers };
	struct record_traffic traffic = { 1, 2, 3, 4, 5, 6 };
	struct record_esp_sa *my_sa = copy_of(ESP_SA, &sa);
	struct record_child_sa *my_child = copy_of(CHILD_SA, &child);
	struct record_traffic *my_traffic = copy_of(TRAFFIC, &traffic);

	(void)state;
	assert_memory_equal(my_sa->peers, sample_peers, sizeof(sample_peers));
	my_sa->peers = sample_peers;
	assert_memory_equal(my_sa, &sa, sizeof(sa));
	assert_int_equal(my_child->spis[1], 2);
	assert_ptr_not_equal(my_child->peers, sample_peers);
	assert_memory_equal(my_traffic, &traffic, sizeof(traffic));
	free(my_sa), free(my_child), free(my_traffic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_alert_takes_its_evidence_and_its_advice_along),
		cmocka_unit_test(an_ike_sa_takes_its_offers_and_vendors_along),
		cmocka_unit_test(captures_tunnels_events_and_exchanges_take_their_words_along),
		cmocka_unit_test(an_esp_sa_a_child_sa_and_traffic_are_copied_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
