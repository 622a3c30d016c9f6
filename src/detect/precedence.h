/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which condition explains which, DETECTION-FACTS 4.7: one fault is one incident. */
#ifndef SAWATCH_DETECT_PRECEDENCE_H
#define SAWATCH_DETECT_PRECEDENCE_H

#include <stdbool.h>
#include <stddef.h>

enum { PRECEDENCE_NONE = 1000 };

/* How well `cause` explains `symptom`, both codes: 0 best; PRECEDENCE_NONE when it does not. */
int precedence_of(const char *cause, const char *symptom);

/* A failure to set up: with an IKE SA that works it is over. */
bool precedence_of_set_up(const char *cause);

/* It happens without any harm, too, and explains nothing as long as it is information. */
bool precedence_by_harm_alone(const char *cause);

/* What it explains may come with each further piece of its evidence. */
bool precedence_is_series(const char *code);

/*
 * One by one it stands alone, and each may be over when the third shows that they are a series:
 * what periodic_drop explains before all else.
 */
bool precedence_of_series(const char *symptom);

/* The table's rows, for the test that it has no circle; false at the end. */
int precedence_row(size_t n, const char **ret_symptom, const char *const **ret_causes);

#endif
