/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/check_range.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A decimal number that ends at `end`; strtod alone also takes "inf", "nan" and hexadecimal. */
static bool number(const char *text, const char *end, double *ret)
{
	char *stop;

	if (text == end || strspn(text, "+-.0123456789") < (size_t)(end - text))
		return false;
	*ret = strtod(text, &stop);
	return stop == end;
}

bool check_range_parse(const char *text, struct check_range *ret, struct err *e)
{
	const char *low = text + (*text == '@');
	const char *colon = strchr(low, ':');
	const char *high = colon ? colon + 1 : low;
	bool good;

	*ret = (struct check_range){
		.text = text, .inside = *text == '@', .low = 0, .high = INFINITY
	};
	good = !colon || (colon == low + 1 && *low == '~') || number(low, colon, &ret->low);
	if (colon && *low == '~')
		ret->low = -INFINITY;
	if (!colon || *high != '\0')
		good = good && number(high, high + strlen(high), &ret->high);
	if (!good || ret->low > ret->high)
		return err_set(e, "\"%s\": not a range; write 5 (alarm above), 5: (alarm below), "
				  "2:5 (alarm outside) or @2:5 (alarm inside)", text);
	return true;
}

bool check_range_alarms(const struct check_range *r, double value)
{
	return (value >= r->low && value <= r->high) == r->inside;
}
