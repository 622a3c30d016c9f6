/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Median and spread of a few numbers: ages, intervals, volumes. */
#ifndef SAWATCH_DETECT_SAMPLE_H
#define SAWATCH_DETECT_SAMPLE_H

#include <stdbool.h>
#include <stddef.h>

enum { SAMPLE_MAX = 64 };

/* n between 1 and SAMPLE_MAX in all of these. */
double sample_median(const double *values, size_t n);	/* lower one of two in the middle */
double sample_mean(const double *values, size_t n);

/*
 * Coefficient of variation: standard deviation (of the population) over the mean; 0 when the mean
 * is 0.
 */
double sample_cv(const double *values, size_t n);

/* Is `value` within `tolerance` (0.01 is one per cent) of `reference`? */
bool sample_near(double value, double reference, double tolerance);

#endif
