/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/nsec.h>

#include <string.h>

#include <sawatch/text.h>

enum { SECONDS_PER_DAY = 86400, DAYS_PER_ERA = 146097 };	/* an era: 400 Gregorian years */

struct date {
	int64_t year;
	int64_t month, day;	/* 1-based */
};

/* Proleptic Gregorian date; years counted from 1 March, so that the leap day comes last. */
static struct date date_of(int64_t days_since_1970)
{
	int64_t days = days_since_1970 + 719468;	/* since 0000-03-01 */
	int64_t era = (days >= 0 ? days : days - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
	int64_t of_era = days - era * DAYS_PER_ERA;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t from_march = (5 * of_year + 2) / 153;
	int64_t month = from_march < 10 ? from_march + 3 : from_march - 9;

	return (struct date){
		.year = year + era * 400 + (month <= 2),
		.month = month,
		.day = of_year - (153 * from_march + 2) / 5 + 1,
	};
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* `digits` digits and what stands behind them; returns where it goes on. */
static char *put_number(char *at, int64_t number, int digits, char behind)
{
	for (int i = digits; i-- > 0; number /= 10)
		at[i] = (char)('0' + number % 10);
	at[digits] = behind;
	return at + digits + 1;
}

/* Each line of a diagnosis and each event has some: without printf. */
const char *nsec_rfc3339(nsec at, char ret[NSEC_TEXT_MAX])
{
	char *to = ret;

	*ret = '\0';
	if (at == NSEC_NONE)
		return ret;

	int64_t seconds = floor_div(at, NSEC_PER_S);
	int64_t fraction = (at % NSEC_PER_S + NSEC_PER_S) % NSEC_PER_S;
	int64_t days = floor_div(seconds, SECONDS_PER_DAY);
	int of_day = (int)(seconds - days * SECONDS_PER_DAY);
	struct date d = date_of(days);

	to = put_number(to, d.year, 4, '-');	/* 1677 to 2262: all that 64 bits hold */
	to = put_number(to, d.month, 2, '-');
	to = put_number(to, d.day, 2, 'T');
	to = put_number(to, of_day / 3600, 2, ':');
	to = put_number(to, of_day / 60 % 60, 2, ':');
	to = put_number(to, of_day % 60, 2, '.');
	to = put_number(to, fraction, 9, 'Z');
	*to = '\0';
	return ret;
}

const char *nsec_moment(nsec at, int decimals, char ret[NSEC_TEXT_MAX])
{
	nsec_rfc3339(at, ret);

	char *separator = strchr(ret, 'T');
	char *point = strchr(ret, '.');

	if (separator && point) {
		*separator = ' ';
		point[decimals ? decimals + 1 : 0] = '\0';
	}
	return ret;
}

/* `span` in units of `unit`, rounded to the nearest. */
static uint64_t in_units(uint64_t span, uint64_t unit)
{
	return span / unit + (span % unit >= unit - span % unit);
}

const char *nsec_span(nsec span, char ret[NSEC_TEXT_MAX])
{
	struct text t = text_in(ret, NSEC_TEXT_MAX);

	if (span == NSEC_NONE)
		return ret;

	uint64_t ns = span < 0 ? (uint64_t)-span : (uint64_t)span;
	/* rounded before the unit is chosen, so that 59.97 s reads "1 min 00 s" and not "60 s" */
	unsigned long us = in_units(ns, 1000);
	unsigned long ms = in_units(ns, NSEC_PER_MS);
	unsigned long tenths = in_units(ns, NSEC_PER_S / 10);
	unsigned long s = in_units(ns, NSEC_PER_S);
	unsigned long min = in_units(ns, 60 * NSEC_PER_S);
	unsigned long h = in_units(ns, 3600 * NSEC_PER_S);

	if (span < 0)
		text_add(&t, "-");
	if (ns == 0)
		text_add(&t, "0 s");
	else if (ns < 1000)
		text_add(&t, "%lu ns", (unsigned long)ns);
	else if (us < 1000)
		text_add(&t, "%lu us", us);
	else if (ms < 1000)
		text_add(&t, "%lu ms", ms);
	else if (tenths < 600 && tenths % 10 == 0)
		text_add(&t, "%lu s", tenths / 10);
	else if (tenths < 600)
		text_add(&t, "%lu.%lu s", tenths / 10, tenths % 10);
	else if (s < 3600)
		text_add(&t, "%lu min %02lu s", s / 60, s % 60);
	else if (min < 24ul * 60)
		text_add(&t, "%lu h %02lu min", min / 60, min % 60);
	else
		text_add(&t, "%lu d %lu h", h / 24, h % 24);
	return ret;
}
