/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text files that are compiled in (cmake/Embed.cmake). */
#ifndef SAWATCH_EMBEDDED_H
#define SAWATCH_EMBEDDED_H

struct embedded {
	const char *name;	/* file name without its directory; NULL ends the list */
	const char *text;	/* terminated */
};

extern const struct embedded embedded_schema[];	/* in the store: schema files in name order */
extern const struct embedded embedded_pages[];	/* in detect: one page per condition */

#endif
