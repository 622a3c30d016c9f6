/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why something in the outside world failed, said once, with the cause and the
 * remedy.  Bad packets are not errors: they are verdicts (reader.h).
 */
#ifndef SAWATCH_ERR_H
#define SAWATCH_ERR_H

struct err {
	char text[512];		/* one line, no newline, safe for a terminal; "" = no error */
};

/*
 * Set the text, cut at the size, with control characters escaped.  Always
 * returns false, so that a function can end with `return err_set(e, …)`.
 * `e` may be NULL.
 */
_Bool err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
