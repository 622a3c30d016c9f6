/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sawatch/ike_registry.h>

#include "detect/stage.h"

static const struct collected_alert *refused(void)
{
	return collected_find(&stage->alerts, "no_proposal_chosen");
}

static const struct collected_alert *latest(void)
{
	size_t n = stage->alerts.n;

	while (n > 0 && strcmp(stage->alerts.alert[n - 1].code, "no_proposal_chosen") != 0)
		n--;
	assert_true(n > 0);
	return &stage->alerts.alert[n - 1];
}

static void refuse(void)
{
	uint32_t ike = stage_ike(0, 2);
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	stage->ike[ike].n_transforms = 3;
	stage->ike[ike].transforms[0] = (struct ike2_transform){
		.proposal = 1, .type = IKE2_TRANSFORM_ENCR, .id = IKE2_ENCR_AES_CBC, .key_bits = 256
	};
	stage->ike[ike].transforms[1] = (struct ike2_transform){ .proposal = 1,
								 .type = IKE2_TRANSFORM_KE,
								 .id = IKE_GROUP_MODP_2048 };
	stage->ike[ike].transforms[2] = (struct ike2_transform){ .proposal = 2,
								 .type = IKE2_TRANSFORM_ENCR,
								 .id = IKE2_ENCR_3DES };
	ev.ike_sa = ike;
	ev.side = 1;
	ev.value[0] = IKE2_NOTIFY_NO_PROPOSAL_CHOSEN;
	ev.value[1] = 2;
	stage_send(ev);
}

static void once_is_information_twice_a_warning_with_what_was_offered(void **state)
{
	(void)state;
	refuse();
	assert_int_equal(refused()->record.severity, SEVERITY_INFO);
	stage_pass(60 * S);
	refuse();
	assert_int_equal(refused()->record.severity, SEVERITY_WARNING);
	assert_string_equal(collected_text(refused(), "offered"), "AES_CBC_256/MODP_2048, 3DES");
	assert_non_null(strstr(refused()->summary, "203.0.113.1 accepts none of the algorithms "
						   "that 192.0.2.1 offers"));
}

/* Seen at a daemon that still loads its configuration: refused twice, and then it is up. */
static void it_is_over_when_an_ike_sa_is_set_up_after_all(void **state)
{
	(void)state;
	refuse();
	stage_pass(5 * S);
	refuse();
	stage_pass(5 * S);
	assert_false(refused()->record.cleared);
	stage_ike_up(0, 2);
	stage_pass(20 * S);
	assert_true(refused()->record.cleared);
	assert_non_null(strstr(refused()->summary, "203.0.113.1 accepted none of the algorithms "
						   "that 192.0.2.1 offered"));
}

static void but_not_by_what_the_other_side_sets_up(void **state)
{
	(void)state;
	refuse();
	stage_pass(5 * S);
	refuse();
	stage_ike_up(1, 2);
	stage_pass(20 * S);
	assert_false(refused()->record.cleared);
}

static void and_refused_again_it_is_true_again(void **state)
{
	(void)state;
	refuse();
	stage_pass(5 * S);
	stage_ike_up(0, 2);
	stage_pass(20 * S);
	refuse();
	stage_pass(20 * S);
	assert_false(refused()->record.cleared);
}

/* Two tunnels between the same peers: one is refused again and again, one set up now and then. */
static void what_another_tunnel_sets_up_ends_it_once_at_most(void **state)
{
	(void)state;
	int cleared = 0;

	for (int hour = 0; hour < 4; hour++) {
		uint32_t other = stage_ike_up(0, 2);

		stage_pass(20 * S);
		detect_flush(stage->detect, stage);
		cleared += hour > 0 && latest()->record.cleared;
		for (int i = 0; i < 12; i++) {
			refuse();
			stage_pass(300 * S);
		}
		stage_ike_down(other, END_DELETED, 0);
	}
	assert_int_equal(cleared, 1);
	detect_flush(stage->detect, stage);
	assert_false(latest()->record.cleared);
}

static void the_rekey_of_another_tunnel_does_not_end_it(void **state)
{
	(void)state;
	uint32_t rekeyed = stage_ike(0, 2);

	refuse();
	stage_pass(5 * S);
	refuse();
	stage_pass(5 * S);
	stage->ike[rekeyed].created = stage->ike[rekeyed].established = stage->now;
	stage->ike[rekeyed].origin = ORIGIN_REKEY;
	stage_ike_event(EVENT_IKE_SA_ESTABLISHED, rekeyed, 0);
	stage_pass(20 * S);
	assert_false(refused()->record.cleared);
}

static void twice_in_an_hour_is_still_information(void **state)
{
	(void)state;
	refuse();
	stage_pass(3600 * S);
	refuse();
	assert_int_equal(collected_at_least(&stage->alerts, SEVERITY_WARNING), 0);
}

static void once_is_enough_for_a_tunnel_that_had_worked(void **state)
{
	(void)state;
	stage_ike_down(stage_ike_up(0, 2), END_DELETED, 0);
	stage_pass(60 * S);
	refuse();
	assert_int_equal(refused()->record.severity, SEVERITY_WARNING);
}

static void refused_with(uint8_t major, uint32_t ike)
{
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.ike_sa = ike;
	ev.side = 1;
	ev.value[0] = 14;	/* in both versions */
	ev.value[1] = major;
	stage_send(ev);
}

static void the_offers_of_phase_1_are_told_with_all_that_is_negotiated(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 1);

	stage->ike[ike].n_offers = 2;
	stage->ike[ike].offers1[0] = (struct ike1_offer){
		.encryption = 7, .key_bits = 256, .hash = 4, .group = 14, .auth = 1
	};
	stage->ike[ike].offers1[1] =
		(struct ike1_offer){ .encryption = 5, .hash = 2, .group = 2, .auth = 3 };
	refused_with(1, ike);
	assert_string_equal(collected_text(refused(), "offered"),
			    "AES_CBC_256/SHA2_256/MODP_2048/PSK, 3DES/SHA1/MODP_1024/RSA");
}

static void what_has_no_name_is_told_by_its_number(void **state)
{
	(void)state;
	uint32_t ike = stage_ike(0, 2);

	stage->ike[ike].n_transforms = 2;
	stage->ike[ike].transforms[0] =
		(struct ike2_transform){ .proposal = 1, .type = IKE2_TRANSFORM_ENCR, .id = 1025 };
	stage->ike[ike].transforms[1] =
		(struct ike2_transform){ .proposal = 1, .type = 200, .id = 3 };
	refused_with(2, ike);
	assert_string_equal(collected_text(refused(), "offered"), "1:1025/200:3");
}

static void an_error_of_another_kind_is_no_refusal(void **state)
{
	(void)state;
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.ike_sa = stage_ike(0, 2);
	ev.side = 1;
	ev.value[0] = IKE2_NOTIFY_INVALID_SYNTAX;
	ev.value[1] = 2;
	stage_send(ev);
	assert_null(refused());
}

/* Nobody signed it, and the SA that it is about is there. */
static void a_clear_refusal_of_an_ike_sa_that_is_up_refuses_nothing(void **state)
{
	(void)state;
	struct event ev = stage_event(EVENT_ERROR_NOTIFY);

	ev.ike_sa = stage_ike_up(0, 1);
	ev.side = 1;
	ev.value[0] = IKE2_NOTIFY_NO_PROPOSAL_CHOSEN;
	ev.value[1] = 1;
	stage_send(ev);
	stage_send(ev);
	assert_null(refused());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(once_is_information_twice_a_warning_with_what_was_offered),
		ON_STAGE(it_is_over_when_an_ike_sa_is_set_up_after_all),
		ON_STAGE(but_not_by_what_the_other_side_sets_up),
		ON_STAGE(and_refused_again_it_is_true_again),
		ON_STAGE(what_another_tunnel_sets_up_ends_it_once_at_most),
		ON_STAGE(the_rekey_of_another_tunnel_does_not_end_it),
		ON_STAGE(twice_in_an_hour_is_still_information),
		ON_STAGE(once_is_enough_for_a_tunnel_that_had_worked),
		ON_STAGE(the_offers_of_phase_1_are_told_with_all_that_is_negotiated),
		ON_STAGE(what_has_no_name_is_told_by_its_number),
		ON_STAGE(a_clear_refusal_of_an_ike_sa_that_is_up_refuses_nothing),
		ON_STAGE(an_error_of_another_kind_is_no_refusal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
