/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include <sawatch/pack.h>

#include "detect/detector.h"
#include "detect/stage.h"

enum { ROOM = 1 << 16 };

static uint8_t room[ROOM];

static const struct collected_alert *refused(void)
{
	return collected_find(&stage->alerts, "no_proposal_chosen");
}

static void refuse(void)
{
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.ike_sa = stage_ike(0, 2);
	ev.side = 1;
	ev.value[0] = IKE2_NOTIFY_NO_PROPOSAL_CHOSEN;
	ev.value[1] = 2;
	stage_send(ev);
}

static size_t saved(uint32_t tunnel)
{
	size_t length = detect_save(stage->detect, tunnel, room, sizeof(room));

	assert_in_range(length, 1, sizeof(room));
	return length;
}

/* The program ends and begins again: all that is left are the first `length` bytes. */
static bool restart(uint32_t tunnel, size_t length, nsec shift, bool states)
{
	uint8_t *exact = malloc(length + (length == 0));
	bool ok;

	memcpy(exact, room, length);
	detect_free(stage->detect);
	stage->detect = detect_new(&stage->settings, &stage->sink);
	ok = detect_restore(stage->detect, stage, tunnel, (struct bytes){ exact, length }, shift,
			    states);
	free(exact);
	return ok;
}

/* Its packets are all that time is known by. */
static void who_is_asked_before_any_packet_says_nothing_new(void **state)
{
	(void)state;
	refuse();
	assert_non_null(refused());

	size_t told = stage->alerts.n;

	assert_true(restart(0, saved(0), 0, true));
	stage->now = NSEC_NONE;
	detect_ask(stage->detect, stage);
	assert_int_equal(stage->alerts.n, told);
	assert_false(refused()->record.cleared);
}

static void an_open_alert_goes_on_under_its_name(void **state)
{
	object_id id;
	size_t n;

	(void)state;
	refuse();
	stage_pass(60 * S);
	refuse();
	id = refused()->record.id;
	n = stage->alerts.n;
	assert_int_equal(refused()->record.count, 2);
	assert_true(restart(0, saved(0), 0, true));
	assert_true(detect_knows_alert(stage->detect, id));
	assert_false(detect_knows_alert(stage->detect, id + 1000));
	stage_pass(60 * S);
	refuse();
	stage_finish();
	assert_int_equal(stage->alerts.n, n);
	assert_int_equal(refused()->record.id, id);
	assert_int_equal(refused()->record.count, 3);
	assert_int_equal(refused()->record.severity, SEVERITY_WARNING);
}

static void it_is_cleared_by_the_quiet_that_was_watched_and_no_other(void **state)
{
	nsec quiet = 2 * stage->settings.proposal_window + 120 * S;
	size_t length;

	(void)state;
	refuse();
	length = saved(0);
	stage->now += quiet;		/* nobody watched */
	stage->next_tick = stage->now + stage->settings.judge_every;
	assert_true(restart(0, length, quiet, true));
	stage_pass(60 * S);
	assert_false(refused()->record.cleared);
	stage_pass(quiet);
	assert_true(refused()->record.cleared);
}

static void another_version_keeps_the_alert_and_not_what_led_to_it(void **state)
{
	object_id id;

	(void)state;
	refuse();
	id = refused()->record.id;
	assert_true(restart(0, saved(0), 0, false));
	assert_true(detect_knows_alert(stage->detect, id));
	stage_pass(60 * S);
	refuse();	/* the first that this one hears of */
	assert_int_equal(refused()->record.id, id);
}

static void what_was_saved_need_not_be_saved_again(void **state)
{
	(void)state;
	refuse();
	assert_true(detect_unsaved(stage->detect, 0));
	assert_true(detect_save(stage->detect, 0, room, 10) > 10);
	assert_true(detect_unsaved(stage->detect, 0));	/* there was no room */
	saved(0);
	assert_false(detect_unsaved(stage->detect, 0));
	stage_pass(3 * stage->settings.proposal_window + 120 * S);
	assert_true(refused()->record.cleared);
	assert_true(detect_unsaved(stage->detect, 0));
}

static void an_alert_about_the_capture_comes_back_too(void **state)
{
	struct event ev = stage_event(EVENT_CAPTURE_LOSS);
	object_id id;

	(void)state;
	ev.tunnel = NO_INDEX;
	ev.value[0] = 500;
	stage_send(ev);
	assert_non_null(collected_find(&stage->alerts, "capture_loss"));
	id = collected_find(&stage->alerts, "capture_loss")->record.id;
	assert_true(restart(NO_INDEX, saved(NO_INDEX), 0, true));
	assert_true(detect_knows_alert(stage->detect, id));
}

/* Whoever wrote the image: a detector of tunnels has no state where the capture is judged. */
static void an_alert_about_a_tunnel_is_none_about_the_capture(void **state)
{
	struct event ev = stage_event(EVENT_CAPTURE_LOSS);
	object_id id;

	(void)state;
	refuse();
	id = refused()->record.id;
	assert_true(restart(NO_INDEX, saved(0), 0, true));
	assert_false(detect_knows_alert(stage->detect, id));
	ev.tunnel = NO_INDEX;
	ev.value[0] = 500;
	stage_send(ev);				/* and is judged */
	assert_non_null(collected_find(&stage->alerts, "capture_loss"));
	id = collected_find(&stage->alerts, "capture_loss")->record.id;
	assert_true(restart(0, saved(NO_INDEX), 0, false));
	assert_false(detect_knows_alert(stage->detect, id));
}

/* In exact-size copies; what a restart makes of half an image must do to go on with. */
static void an_image_that_was_cut_gives_what_is_whole_and_nothing_else(void **state)
{
	size_t length;
	object_id id;

	(void)state;
	refuse();
	stage_pass(60 * S);
	refuse();
	id = refused()->record.id;
	length = saved(0);

	uint8_t *whole = malloc(length);

	memcpy(whole, room, length);
	for (size_t cut = 0; cut < length; cut += cut < 200 ? 1 : 17) {
		memcpy(room, whole, length);
		bool ok = restart(0, cut, 0, true);

		assert_true(ok == detect_knows_alert(stage->detect, id));
		stage_pass(stage->settings.judge_every);
	}
	free(whole);
	refuse();
	assert_non_null(refused());
}

/* Nobody could have made it: no number in it is one. */
static void a_state_that_no_detector_could_have_made_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < detectors_count(); i++) {
		const struct detector *d = detectors[i];
		uint8_t *block = calloc(1, d->state_size);

		assert_non_null(block);
		if (d->fields) {
			if (d->reset)
				d->reset(block);
			assert_true(fields_sane(d->fields, block));
			memset(block, 0x7f, d->state_size);
			if (fields_sane(d->fields, block))
				fail_msg("%s", d->code);
		}
		free(block);
	}
}

/* It is refused alone, and what else was known comes back. */
static void a_detector_whose_state_was_refused_begins_anew(void **state)
{
	struct packer p = { .at = room, .room = sizeof(room) };
	uint8_t *ones, *whole = malloc(ROOM);
	const struct detector *d = NULL;
	object_id id;

	(void)state;
	refuse();
	stage_pass(60 * S);
	refuse();
	id = refused()->record.id;
	saved(0);
	memcpy(whole, room, ROOM);
	/* up to where the alerts end and the states begin */
	while (!restart(0, p.used, 0, true)) {
		p.used++;
		memcpy(room, whole, ROOM);
	}
	for (size_t i = 0; i < detectors_count(); i++)
		if (strcmp(detectors[i]->code, "no_proposal_chosen") == 0)
			d = detectors[i];
	assert_non_null(d);
	ones = malloc(d->state_size);
	memset(ones, 0x7f, d->state_size);
	pack_u32(&p, 1);
	pack_text(&p, d->code);
	pack_image(&p, ones, d->state_size);
	pack_u64(&p, 0);
	free(ones);
	free(whole);
	assert_true(restart(0, p.used, 0, true));
	assert_true(detect_knows_alert(stage->detect, id));
	stage_pass(60 * S);
	refuse();	/* the first that this detector hears of */
	assert_int_equal(refused()->record.id, id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(who_is_asked_before_any_packet_says_nothing_new),
		ON_STAGE(an_open_alert_goes_on_under_its_name),
		ON_STAGE(it_is_cleared_by_the_quiet_that_was_watched_and_no_other),
		ON_STAGE(another_version_keeps_the_alert_and_not_what_led_to_it),
		ON_STAGE(what_was_saved_need_not_be_saved_again),
		ON_STAGE(an_alert_about_the_capture_comes_back_too),
		ON_STAGE(an_alert_about_a_tunnel_is_none_about_the_capture),
		ON_STAGE(an_image_that_was_cut_gives_what_is_whole_and_nothing_else),
		cmocka_unit_test(a_state_that_no_detector_could_have_made_is_refused),
		ON_STAGE(a_detector_whose_state_was_refused_begins_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
