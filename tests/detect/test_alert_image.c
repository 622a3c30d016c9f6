/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Images of alerts as a history that was damaged, or another version, may give them: one wrong
 * value each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include <sawatch/pack.h>

#include "detect/detector.h"
#include "detect/stage.h"

enum { ROOM = 4096, ID = 77 };

/* What of an image a test changes; the rest is sound. */
struct image {
	const char *code, *item, *text, *state_code;
	uint8_t severity, confidence, side, n_items, type, n_frames;
	double real;
	size_t state_size;
	unsigned n_alerts;
	bool one_number;		/* all alerts have it */
	uint64_t id;
};

static const struct image sound = {
	.code = "no_proposal_chosen", .item = "gap_s", .text = "x", .severity = SEVERITY_WARNING,
	.confidence = CONFIDENCE_HIGH, .side = 1, .n_items = 1, .type = ITEM_REAL, .n_frames = 1,
	.real = 1.5, .n_alerts = 1, .id = ID,
};

static void pack_value(struct packer *p, const struct image *m)
{
	uint64_t bits;

	memcpy(&bits, &m->real, sizeof(bits));
	if (m->type == ITEM_TEXT)
		pack_text(p, m->text);
	else
		pack_u64(p, bits);
}

static void pack_alert(struct packer *p, const struct image *m, const char *code, uint64_t id)
{
	pack_text(p, code);
	pack_text(p, NULL);
	pack_u64(p, id);
	pack_u64(p, 0);
	pack_u32(p, 0);
	pack_u32(p, 0);
	for (int i = 0; i < 4; i++)	/* raised, cleared, quiet since, evidence until */
		pack_u64(p, (uint64_t)(i == 1 ? NSEC_NONE : stage->now));
	pack_u64(p, 0);
	pack_u8(p, m->severity);
	pack_u8(p, m->confidence);
	pack_text(p, NULL);
	pack_u8(p, m->side);
	pack_u64(p, (uint64_t)stage->now);
	pack_u64(p, (uint64_t)stage->now);
	pack_u64(p, 1);
	pack_u8(p, m->n_items);
	for (unsigned i = 0; i < m->n_items; i++) {
		pack_text(p, m->item);
		pack_u8(p, m->type);
		pack_value(p, m);
	}
	pack_u8(p, m->n_frames);
	for (unsigned i = 0; i < m->n_frames; i++)
		pack_u64(p, i + 1);
}

/* Given to a program that has just begun, in a copy of exactly its size. */
static bool restored(const struct image *m)
{
	static const uint8_t zeros[64];
	uint8_t room[ROOM];
	struct packer p = { .at = room, .room = sizeof(room) };

	pack_u32(&p, m->n_alerts);
	pack_u32(&p, m->n_alerts);
	/* the last is one that every version knows */
	for (unsigned i = 0; i < m->n_alerts; i++)
		pack_alert(&p, m,
			   i + 1 < m->n_alerts ? m->code
			   : m->n_alerts > 1   ? sound.code
					       : m->code,
			   m->id + (m->one_number ? 0 : i));
	pack_u32(&p, m->state_code ? 1 : 0);
	if (m->state_code) {
		pack_text(&p, m->state_code);
		pack_image(&p, zeros, m->state_size);
	}
	pack_u64(&p, 0);
	assert_in_range(p.used, 1, sizeof(room));

	uint8_t *exact = malloc(p.used);
	bool ok;

	assert_non_null(exact);
	memcpy(exact, room, p.used);
	detect_free(stage->detect);
	stage->detect = detect_new(&stage->settings, &stage->sink);
	ok = detect_restore(stage->detect, stage, 0, (struct bytes){ exact, p.used }, 0, true);
	free(exact);
	return ok;
}

static bool known(unsigned alert)
{
	return detect_knows_alert(stage->detect, ID + alert);
}

static void a_sound_image_gives_its_alert(void **state)
{
	(void)state;
	assert_true(restored(&sound));
	assert_true(known(0));
}

static void a_value_that_no_alert_has_is_refused(void **state)
{
	struct image m[11];

	(void)state;
	for (size_t i = 0; i < 11; i++)
		m[i] = sound;
	m[0].severity = SEVERITY_CRITICAL + 1;
	m[1].confidence = CONFIDENCE_HIGH + 1;
	m[2].side = 3;
	m[3].n_items = FINDING_EVIDENCE_MAX + 1;
	m[4].type = ITEM_TEXT + 1;
	m[5].item = NULL;
	m[6].real = (double)NAN;
	m[7].real = (double)INFINITY;
	m[8].real = 1e19;		/* no integer */
	m[9].n_frames = RECORD_FRAMES_MAX + 1;
	m[10].item = NULL;
	m[10].type = ITEM_TEXT;
	for (size_t i = 0; i < 11; i++) {
		assert_false(restored(&m[i]));
		assert_false(known(0));
	}
}

static void a_large_number_is_taken_also_of_what_is_told_as_a_span(void **state)
{
	static const char *const items[][2] = {
		{ "no_proposal_chosen", "bytes" }, { "expiry_gap", "gap_s" }, { "tunnel_down",
		  "down_s" }, { "clock_jump", "step_s" },
		{ "seq_exhaustion", "runs_out_in_s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
		for (int sign = -1; sign <= 1; sign += 2) {
			struct image m = sound;

			m.code = items[i][0];
			m.item = items[i][1];
			m.real = sign * 1e18;
			assert_true(restored(&m));
			/* that is about the capture */
			assert_int_equal(known(0), strcmp(m.code, "clock_jump") != 0);
			detect_finish(stage->detect, stage);
		}
}

static void an_alert_that_says_nothing_but_its_condition_is_told_whatever_that_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < detectors_count(); i++) {
		struct image m = sound;

		if (detectors[i]->scope == SCOPE_CAPTURE)
			continue;
		m.code = detectors[i]->code;
		m.n_items = m.n_frames = 0;
		assert_true(restored(&m));
		detect_finish(stage->detect, stage);

		const struct collected_alert *a = collected_find(&stage->alerts, m.code);

		assert_non_null(a);
		assert_true(*a->summary);
		assert_string_equal(a->cause, "");
		assert_true(a->record.n_actions > 0);
	}
}

static void a_text_that_has_no_room_is_left_out_and_the_alert_is_not(void **state)
{
	char text[FINDING_TEXT_MAX + 1];
	struct image m = sound;

	(void)state;
	memset(text, 'x', FINDING_TEXT_MAX);
	text[FINDING_TEXT_MAX] = '\0';
	m.type = ITEM_TEXT;
	m.text = text;
	assert_true(restored(&m));
	stage_finish();
	assert_string_equal(collected_text(collected_find(&stage->alerts, m.code), m.item), "");
}

static void a_text_that_just_has_room_is_whole(void **state)
{
	char text[FINDING_TEXT_MAX];
	struct image m = sound;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	m.type = ITEM_TEXT;
	m.text = text;
	assert_true(restored(&m));
	stage_finish();
	assert_string_equal(collected_text(collected_find(&stage->alerts, m.code), m.item), text);
}

static void a_condition_of_another_version_is_passed_over_and_what_follows_is_not(void **state)
{
	struct image m = sound;

	(void)state;
	m.code = "condition_of_tomorrow";
	m.n_alerts = 2;
	assert_true(restored(&m));
	assert_false(known(0));
	assert_true(known(1));
	m.code = NULL;
	assert_true(restored(&m));
	assert_false(known(0));
	assert_true(known(1));
}

static void of_two_alerts_with_one_number_only_the_first_comes_back(void **state)
{
	struct image m = sound;

	(void)state;
	m.code = "stale_spi";
	m.n_alerts = 2;
	assert_true(restored(&m));
	assert_true(known(0));
	assert_true(known(1));
	m.one_number = true;
	assert_false(restored(&m));
	stage_finish();
	assert_non_null(collected_find(&stage->alerts, "stale_spi"));
	assert_null(collected_find(&stage->alerts, sound.code));
}

static void an_alert_without_a_number_is_refused(void **state)
{
	struct image m = sound;

	(void)state;
	m.id = 0;
	assert_false(restored(&m));
}

static void what_is_said_of_expected_tunnels_ends_with_the_inventory(void **state)
{
	const struct collected_alert *a;
	struct image m = sound;

	(void)state;
	m.code = "tunnel_down";
	assert_true(restored(&m));
	assert_true(known(0));
	stage_finish();
	a = collected_find(&stage->alerts, "tunnel_down");
	assert_non_null(a);
	assert_true(a->record.cleared);
	assert_int_equal(a->record.cleared_at, a->record.last);
}

/* Alerts are in a form that all versions read; states behind them only help. */
static void a_state_that_does_not_fit_is_dropped_and_the_alert_is_not(void **state)
{
	static const char *const codes[] = {
		"condition_of_tomorrow", "capture_loss", "periodic_drop", "stale_spi",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct image m = sound;

		m.state_code = codes[i];
		m.state_size = 3;
		assert_true(restored(&m));
		assert_true(known(0));
		/* and the detectors go on with what they have */
		stage_pass(2 * stage->settings.judge_every);
	}
}

static void of_a_tunnel_that_is_not_there_nothing_comes_back(void **state)
{
	const uint8_t bytes[] = { 0, 0, 0, 0, 0, 0, 0, 0 };
	const struct bytes image = { bytes, sizeof(bytes) };

	(void)state;
	assert_false(detect_restore(stage->detect, stage, 5, image, 0, true));
	assert_false(detect_restore_missed(stage->detect, 1, tracker_tunnel(stage, 0)->peer, image,
					   0, true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_sound_image_gives_its_alert),
		ON_STAGE(a_value_that_no_alert_has_is_refused),
		ON_STAGE(a_large_number_is_taken_also_of_what_is_told_as_a_span),
		ON_STAGE(an_alert_that_says_nothing_but_its_condition_is_told_whatever_that_is),
		ON_STAGE(a_text_that_has_no_room_is_left_out_and_the_alert_is_not),
		ON_STAGE(a_text_that_just_has_room_is_whole),
		ON_STAGE(a_condition_of_another_version_is_passed_over_and_what_follows_is_not),
		ON_STAGE(of_two_alerts_with_one_number_only_the_first_comes_back),
		ON_STAGE(an_alert_without_a_number_is_refused),
		ON_STAGE(what_is_said_of_expected_tunnels_ends_with_the_inventory),
		ON_STAGE(a_state_that_does_not_fit_is_dropped_and_the_alert_is_not),
		ON_STAGE(of_a_tunnel_that_is_not_there_nothing_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
