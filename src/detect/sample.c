/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/sample.h"

#include <assert.h>

double sample_median(const double *values, size_t n)
{
	double sorted[SAMPLE_MAX];

	assert(n > 0 && n <= SAMPLE_MAX);
	for (size_t i = 0; i < n; i++) {
		size_t j = i;

		for (; j > 0 && sorted[j - 1] > values[i]; j--)
			sorted[j] = sorted[j - 1];
		sorted[j] = values[i];
	}
	return sorted[(n - 1) / 2];
}

double sample_mean(const double *values, size_t n)
{
	double sum = 0;

	assert(n > 0 && n <= SAMPLE_MAX);
	for (size_t i = 0; i < n; i++)
		sum += values[i];
	return sum / (double)n;
}

/* Newton; libm is not linked for this alone.. */
static double square_root(double v)
{
	double x = v > 1 ? v : 1;

	if (v <= 0)
		return 0;
	for (int i = 0; i < 60 && x * x - v > 1e-12 * v; i++)
		x = (x + v / x) / 2;
	return x;
}

double sample_cv(const double *values, size_t n)
{
	double mean = sample_mean(values, n), squares = 0;

	if (mean == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		double off = values[i] / mean - 1;

		squares += off * off;
	}
	return square_root(squares / (double)n);
}

bool sample_near(double value, double reference, double tolerance)
{
	double off = value - reference;

	return (off < 0 ? -off : off) <= tolerance * (reference < 0 ? -reference : reference);
}
