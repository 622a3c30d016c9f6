/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <sawatch/err.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include <sawatch/text.h>

/*
 * Backslashes stay as they are, so that an error quoted in another one is not
 * escaped twice.
 */
bool err_set(struct err *e, const char *format, ...)
{
	if (!e)
		return false;

	char plain[sizeof(e->text)];	/* first here: `e->text` may be one of the arguments */
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(plain, sizeof(plain), format, arguments);
	va_end(arguments);

	struct text t = TEXT_IN(e->text);

	for (const char *c = plain; *c != '\0' && !t.cut; c++) {
		if (*c == '\\')
			text_add(&t, "\\");
		else
			text_add_escaped(&t, c, 1);
	}
	return false;
}
