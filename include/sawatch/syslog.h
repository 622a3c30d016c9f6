/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Records as syslog messages, RFC 5424, with structured data; without the framing of a transport.
 * Refuses to know where they are sent.
 */
#ifndef SAWATCH_SYSLOG_H
#define SAWATCH_SYSLOG_H

#include <stddef.h>

#include <sawatch/record.h>

enum {
	/*
	 * RFC 5424 6.1 lets a receiver cut at 2,048 octets; text is cut here first, structured data
	 * is whole.
	 */
	SYSLOG_MAX = 8192,
	SYSLOG_FACILITIES = 24,
};

struct syslog_origin {
	int facility;		/* 0 to 23; 3 is daemon */
	const char *host;	/* NULL: nothing is known */
	int64_t process;	/* RECORD_UNKNOWN: not told */
	const char *sensor;	/* NULL none */
};

/*
 * The length of the message in `ret`, which is terminated, too.  `name` is what people call the
 * tunnel; NULL none.
 */
size_t syslog_alert(const struct syslog_origin *o, const struct record_alert *r, const char *name,
		    char ret[SYSLOG_MAX]);
size_t syslog_tunnel(const struct syslog_origin *o, const struct record_tunnel *r, const char *name,
		     char ret[SYSLOG_MAX]);
/* About sawatch itself. */
size_t syslog_notice(const struct syslog_origin *o, nsec at, const char *text,
		     char ret[SYSLOG_MAX]);

#endif
