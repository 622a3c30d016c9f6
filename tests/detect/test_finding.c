/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "detect/detector.h"

static struct findings found;

/* A replacement that settles late is older than what was known before it (found by fuzzing). */
static void evidence_that_came_out_of_order_still_begins_before_it_ends(void **state)
{
	(void)state;
	found.n = 0;

	const struct finding *f = finding_raise(&found, SEVERITY_INFO, CONFIDENCE_LOW, 30, 10, 3);

	assert_int_equal(f->first, 10);
	assert_int_equal(f->last, 30);
	f = finding_raise(&found, SEVERITY_INFO, CONFIDENCE_LOW, 10, 30, 3);
	assert_int_equal(f->first, 10);
	assert_int_equal(f->last, 30);
}

static void more_findings_than_fit_overwrite_the_last(void **state)
{
	(void)state;
	found.n = 0;
	for (int i = 0; i < FINDINGS_MAX + 5; i++)
		assert_non_null(finding_raise(&found, SEVERITY_INFO, CONFIDENCE_LOW, i, i, 1));
	assert_int_equal(found.n, FINDINGS_MAX);
	assert_int_equal(found.finding[0].first, 0);
	assert_int_equal(found.finding[FINDINGS_MAX - 1].first, FINDINGS_MAX + 4);
}

static struct finding *three_answers(void)
{
	found.n = 0;

	struct finding *f = finding_raise(&found, SEVERITY_WARNING, CONFIDENCE_HIGH, 10, 30, 3);

	finding_text(f, "initiator", "%s", "192.0.2.1");
	finding_integer(f, "responses", 3);
	finding_real(f, "span_s", 1.5);
	finding_frame(f, 7);
	return f;
}

static void one_more_answer_is_other_evidence_although_nothing_else_changed(void **state)
{
	(void)state;
	struct finding before = *three_answers(), *f;

	assert_true(finding_same_evidence(&before, three_answers()));
	f = three_answers();
	f->items[1].integer = 4;
	assert_false(finding_same_evidence(&before, f));
	f = three_answers();
	finding_frame(f, 8);
	assert_false(finding_same_evidence(&before, f));
	f = three_answers();
	finding_text(f, "likely", "initiator_rejects");
	assert_false(finding_same_evidence(&before, f));
}

static void a_span_is_never_longer_than_moments_are_apart(void **state)
{
	struct findings out = { 0 };
	struct finding *f = finding_raise(&out, SEVERITY_INFO, CONFIDENCE_HIGH, 0, 0, 1);
	const nsec most = 6900000000 * NSEC_PER_S;

	(void)state;
	finding_real(f, "short_s", 1.5);
	finding_real(f, "long_s", 1e18);
	finding_real(f, "back_s", -1e18);
	finding_integer(f, "whole_s", 3);
	finding_integer(f, "large_s", INT64_MAX);
	assert_int_equal(finding_get_span(f, "short_s"), 1500 * NSEC_PER_MS);
	assert_int_equal(finding_get_span(f, "long_s"), most);
	assert_int_equal(finding_get_span(f, "back_s"), -most);
	assert_int_equal(finding_get_span(f, "whole_s"), 3 * NSEC_PER_S);
	assert_int_equal(finding_get_span(f, "large_s"), most);
	assert_int_equal(finding_get_span(f, "absent_s"), 0);
	assert_string_equal(finding_cause(f), "");
	f->cause = "silent";
	assert_string_equal(finding_cause(f), "silent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(evidence_that_came_out_of_order_still_begins_before_it_ends),
		cmocka_unit_test(more_findings_than_fit_overwrite_the_last),
		cmocka_unit_test(one_more_answer_is_other_evidence_although_nothing_else_changed),
		cmocka_unit_test(a_span_is_never_longer_than_moments_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
