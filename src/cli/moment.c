/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/moment.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Years that fit in nanoseconds of 64 bits around 1970. */
enum { YEAR_MIN = 1678, YEAR_MAX = 2261 };

static bool age_parse(const char *text, nsec *ret)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 }, { 'w', 604800 } };
	int64_t n;
	char letter, rest;

	if (strspn(text, "0123456789") == 0 || strspn(text, "0123456789") > 9 ||
	    sscanf(text, "%" SCNd64 "%c%c", &n, &letter, &rest) != 2)
		return false;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].letter != letter || n > INT64_C(9000000000) / units[i].seconds)
			continue;
		*ret = n * units[i].seconds * NSEC_PER_S;
		return true;
	}
	return false;
}

/* ".5Z" and the like: decimals of a second, optional; true when nothing else follows. */
static bool fraction_parse(const char *text, nsec *ret)
{
	int64_t unit = NSEC_PER_S / 10;

	*ret = 0;
	if (*text == '.') {
		for (text++; *text >= '0' && *text <= '9'; text++, unit /= 10)
			*ret += (*text - '0') * unit;	/* decimals beyond the ninth add 0 */
	}
	return *text == '\0' || strcmp(text, "Z") == 0;
}

static int days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool date_parse(const char *text, nsec *ret)
{
	struct tm t = { 0 };
	int used = 0;
	nsec fraction = 0;
	char separator;

	if (sscanf(text, "%4d-%2d-%2d%n", &t.tm_year, &t.tm_mon, &t.tm_mday, &used) != 3)
		return false;
	if (t.tm_year < YEAR_MIN || t.tm_year > YEAR_MAX || t.tm_mon < 1 || t.tm_mon > 12 ||
	    t.tm_mday < 1 || t.tm_mday > days_of_month(t.tm_year, t.tm_mon))
		return false;
	text += used;
	if (*text) {
		used = 0;
		if (sscanf(text, "%c%2d:%2d%n", &separator, &t.tm_hour, &t.tm_min, &used) != 3 ||
		    (separator != 'T' && separator != ' '))
			return false;
		text += used;
		if (*text == ':') {
			used = 0;
			if (sscanf(text, ":%2d%n", &t.tm_sec, &used) != 1)
				return false;
			text += used;
		}
		if (!fraction_parse(text, &fraction) || t.tm_hour < 0 || t.tm_hour > 23 ||
		    t.tm_min < 0 || t.tm_min > 59 || t.tm_sec < 0 || t.tm_sec > 60)
			return false;
	}
	t.tm_year -= 1900;
	t.tm_mon -= 1;
	*ret = (nsec)timegm(&t) * NSEC_PER_S + fraction;
	return true;
}

bool moment_parse(const char *text, nsec now, nsec *ret, struct err *e)
{
	nsec age;
	int64_t seconds;
	char rest;

	if (age_parse(text, &age)) {
		*ret = now - age;
		return true;
	}
	if (text[0] == '@' && strlen(text) <= 11 &&
	    sscanf(text, "@%" SCNd64 "%c", &seconds, &rest) == 1) {
		*ret = seconds * NSEC_PER_S;
		return true;
	}
	if (date_parse(text, ret))
		return true;
	return err_set(e, "\"%s\": not a time; write 2026-11-22, \"2026-11-22 04:30\" (UTC), "
			  "or an age such as 2h or 7d",
		       text);
}
