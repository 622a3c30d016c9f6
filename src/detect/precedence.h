/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which condition explains which, DETECTION-FACTS 4.7: one fault is one incident. */
#ifndef SAWATCH_DETECT_PRECEDENCE_H
#define SAWATCH_DETECT_PRECEDENCE_H

#include <stdbool.h>
#include <stddef.h>

struct finding;

enum { PRECEDENCE_NONE = 1000 };

/* How well condition `cause` explains condition `symptom`: 0 best; PRECEDENCE_NONE: not at all. */
int precedence_of(const char *cause, const char *symptom);

/*
 * Do the ages that both tell of contradict that?  Declared lifetimes explain an SA that was over at
 * the age of one of them, and no other.
 */
bool precedence_contradicted(const char *cause, const struct finding *by, const char *symptom,
			     const struct finding *f);

/* Is it a failure to set up a tunnel, which is over as soon as an IKE SA works? */
bool precedence_of_set_up(const char *cause);

/* Does it happen without harm, too, so that it explains nothing as long as it is only info? */
bool precedence_by_harm_alone(const char *cause);

/* Is it a series, of which each further piece of evidence may come with what it explains? */
bool precedence_is_series(const char *code);

/*
 * May several such alerts, each over before the next, turn out to be one series, which
 * periodic_drop explains better than any other cause?
 */
bool precedence_of_series(const char *symptom);

/* The n-th row of the table, for the test that no cause explains itself; 0 at the end. */
int precedence_row(size_t n, const char **ret_symptom, const char *const **ret_causes);

#endif
