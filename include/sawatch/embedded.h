/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Text files that are compiled in (cmake/Embed.cmake), so that the program is one file.  Static.
 */
#ifndef SAWATCH_EMBEDDED_H
#define SAWATCH_EMBEDDED_H

struct embedded {
	const char *name;	/* file name without its directory; NULL ends the list */
	const char *text;	/* terminated */
};

/* The schema in the order of the files' names (`store` links it). */
extern const struct embedded embedded_schema[];
/* One page per condition, <code>.md (`detect` links it). */
extern const struct embedded embedded_pages[];

#endif
