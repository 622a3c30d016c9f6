/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "detect/volume.h"

#include "detect/sample.h"

/* Where vendors end an SA: hard limits and the points at which they begin to rekey (2.1). */
static const struct {
	double bytes;
	const char *name;
} limits[] = {
	{ 4718592e3, "4,608,000 KB, the default of Cisco IOS and ASA" },
	{ 450e9, "450 GB, the default of Cisco MDS" },
	{ 405e9, "90 % of 450 GB, where Cisco MDS rekeys" },
	{ 4.5e9, "4,500 MB, the default of Cisco SAN-OS 2" },
	{ 3.87e9, "about 90 % of 4 GiB, where OpenBSD iked rekeys" },
	{ 102.4e6, "100,000 KB, the default of Windows" },
	{ 51.2e6, "50,000 KB, the default of Check Point" },
	{ 5.24288e6, "5120 KB, the default of FortiOS with keylife-type both" },
	{ 104.8576e9, "102,400,000 KB, the default of Azure" },
	{ 1.8874368e9, "1,843,200 KB, the default of Huawei" },
};

/*
 * The least that any vendor lets one set: 2560 KB, of IOS.  Where both directions count together
 * one of them carries at least half of it.
 */
#define LIMIT_LEAST (2560 * 1024 / 2)

static const char *limit_near(double bytes, double tolerance)
{
	const char *best = NULL;
	double nearest = tolerance;

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		double off = bytes / limits[i].bytes - 1;

		if (off < 0)
			off = -off;
		if (off <= nearest) {
			nearest = off;
			best = limits[i].name;
		}
	}
	return best;
}

struct volume_verdict volume_judge(const struct settings *s, const double *bytes,
				   const double *ages, size_t n)
{
	struct volume_verdict v = { false, false, 0, 0, NULL };

	if (n < (size_t)s->volume_min_n || n > SAMPLE_MAX)
		return v;
	v.bytes = sample_mean(bytes, n);
	v.age_s = sample_mean(ages, n);
	v.limit = limit_near(v.bytes, s->volume_limit_tol);

	double spread = sample_cv(bytes, n), age_spread = sample_cv(ages, n);

	/*
	 * At a constant rate time and volume are both constant; then only a
	 * known limit can tell, and only when it fits better than the clock.
	 */
	v.volume = v.bytes >= LIMIT_LEAST * (1 - s->volume_limit_tol) &&
		   spread < s->volume_cv_bytes &&
		   (age_spread > s->volume_cv_age ||
		    (v.limit && age_spread > 0.05 && age_spread > spread));
	v.sure = v.volume && n >= 5;
	return v;
}
