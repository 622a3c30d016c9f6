/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/settings.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROW(KIND, KEY, FIELD, INITIAL, MIN, MAX, TEXT) \
	{ KEY, SETTING_##KIND, INITIAL, MIN, MAX, TEXT, offsetof(struct settings, FIELD) },

static const struct setting table[] = { SETTINGS(ROW) { 0 } };

const struct setting *settings_table(void)
{
	return table;
}

/* No setting is negative.  (llround would bring in libm for this one line.) */
static nsec nearest(double value)
{
	return (nsec)(value + 0.5);
}

static void put(struct settings *s, const struct setting *which, double value)
{
	void *field = (char *)s + which->offset;

	switch (which->kind) {
	case SETTING_COUNT:
		*(int64_t *)field = (int64_t)value;
		break;
	case SETTING_SECONDS:
		*(nsec *)field = nearest(value * (double)NSEC_PER_S);
		break;
	case SETTING_MILLISECONDS:
		*(nsec *)field = nearest(value * (double)NSEC_PER_MS);
		break;
	case SETTING_RATIO:
		*(double *)field = value;
		break;
	}
}

double settings_get(const struct settings *s, const struct setting *which)
{
	const void *field = (const char *)s + which->offset;

	switch (which->kind) {
	case SETTING_COUNT:
		return (double)*(const int64_t *)field;
	case SETTING_SECONDS:
		return (double)*(const nsec *)field / (double)NSEC_PER_S;
	case SETTING_MILLISECONDS:
		return (double)*(const nsec *)field / (double)NSEC_PER_MS;
	case SETTING_RATIO:
		return *(const double *)field;
	}
	assert(false && "a setting of no kind");
	return 0;
}

void settings_defaults(struct settings *ret)
{
	for (const struct setting *row = table; row->key; row++)
		put(ret, row, row->initial);
}

void settings_defaults_of_files(struct settings *ret)
{
	settings_defaults(ret);
#define OF_FILES(FIELD, INITIAL) ret->FIELD = INITIAL;
	SETTINGS_OF_FILES(OF_FILES)
#undef OF_FILES
}

enum { KEY_LENGTH_MAX = 48 };

/* Edit distance of two keys, for "did you mean"; longer texts are not near to anything. */
static size_t distance(const char *a, const char *b)
{
	size_t row[KEY_LENGTH_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > KEY_LENGTH_MAX || lb > KEY_LENGTH_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t replace = diagonal + (a[i - 1] != b[j - 1]);
			size_t shorter = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = replace < shorter ? replace : shorter;
		}
	}
	return row[lb];
}

static bool unknown_key(const char *key, struct err *e)
{
	const struct setting *near = NULL;
	size_t best = SIZE_MAX;

	for (const struct setting *row = table; row->key; row++) {
		size_t la = strlen(key), lb = strlen(row->key);

		if ((la > lb ? la - lb : lb - la) >= best)
			continue;	/* at least as far */
		size_t d = distance(key, row->key);

		if (d < best) {
			best = d;
			near = row;
		}
	}
	if (near && best <= strlen(near->key) / 2)
		return err_set(e, "unknown setting \"%s\"; did you mean \"%s\"?", key, near->key);
	return err_set(e, "unknown setting \"%s\"; `sawatch config --defaults` lists them all",
		       key);
}

static const char *unit(enum setting_kind kind)
{
	switch (kind) {
	case SETTING_COUNT:
	case SETTING_RATIO:
		return "";
	case SETTING_SECONDS:
		return " s";
	case SETTING_MILLISECONDS:
		return " ms";
	}
	return "";
}

bool settings_set(struct settings *s, const char *key, const char *value, struct err *e)
{
	const struct setting *row = table;

	while (row->key && strcmp(row->key, key) != 0)
		row++;
	if (!row->key)
		return unknown_key(key, e);

	char *end;
	double number = strtod(value, &end);

	/* strtod also takes "inf", "nan" and hexadecimal: none of them is what an operator meant */
	if (end == value || *end != '\0' || strpbrk(value, "xXnN") || !isfinite(number))
		return err_set(e, "%s: \"%s\" is not a number; write one from %.15g to %.15g%s",
			       key, value, row->min, row->max, unit(row->kind));
	if (number < row->min || number > row->max)
		return err_set(e, "%s: %s is outside %.15g to %.15g%s", key, value, row->min,
			       row->max, unit(row->kind));
	if (row->kind == SETTING_COUNT && number != (double)(int64_t)number)
		return err_set(e, "%s: %s is not a whole number", key, value);
	put(s, row, number);
	return true;
}
