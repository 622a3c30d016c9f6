/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Outlets: processes that send messages out (syslog, metrics, commands) while the monitor itself
 * is in its sandbox.  Each is started before the sandbox is entered, has no privileges, sees no
 * packet, and is fed through a bounded queue.  A full queue drops the oldest message and counts
 * it: the monitor never waits.  A process that dies is started again by its keeper (another
 * process) after a second, and after longer pauses when that happens again and again.  An outlet
 * ends with the monitor; at an orderly end it first sends what it has.  Refuses to know what the
 * messages mean.
 */
#ifndef SAWATCH_OUTLET_H
#define SAWATCH_OUTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sawatch/err.h>

/* bytes; what is longer is refused and counted as dropped */
enum { OUTLET_MESSAGE_MAX = 32 << 10 };

struct outlet;

/*
 * outlet_syslog(), outlet_command() and outlet_metrics() begin a process and wait until it has
 * given up its privileges (`user` as in privileges_drop()) and has what it needs.  Otherwise they
 * return false with the reason, and *ret is NULL.
 */

/*
 * Syslog messages, each complete but for its framing.  `target`: "unix" (/dev/log), "unix:PATH",
 * "udp://HOST:PORT", or "tcp://HOST:PORT" (octet counting, RFC 6587 3.4.1).  A collector that goes
 * away is tried again, with growing pauses; what it had not acknowledged is sent again.
 */
bool outlet_syslog(struct outlet **ret, const char *target, const char *user, struct err *e);
/* Is `target` one of those?  Asks nobody. */
bool outlet_syslog_target(const char *target, struct err *e);

/* Each message runs `command` by /bin/sh -c, with the message on its standard input. */
struct outlet_command {
	const char *command;
	const char *user;
	int timeout_ms;		/* then it is killed, with all it has started */
	int per_minute;		/* more than this wait */
};
/*
 * A message of this outlet begins with NAME=VALUE lines for the environment of the command, and an
 * empty line; the rest is the standard input.
 */
bool outlet_command(struct outlet **ret, const struct outlet_command *o, struct err *e);

/* A page of metrics: into a file that is replaced as a whole, and to whom asks over HTTP. */
struct outlet_metrics {
	const char *file;	/* NULL: none.  Removed at an orderly end */
	const char *listen;	/* "ADDRESS:PORT", "[ADDRESS]:PORT", ":PORT"; NULL: none */
	const char *user;
};
/* `o` and its strings are not needed after the call. */
bool outlet_metrics(struct outlet **ret, const struct outlet_metrics *o, struct err *e);

/* Never waits.  The message is copied. */
void outlet_put(struct outlet *o, const void *message, size_t length);

/* The page from now on.  Never waits; a page that is too long is refused. */
bool outlet_page(struct outlet *o, const char *page, size_t length);

struct outlet_counters {
	bool up;		/* the process lives, and reaches whom it is to reach */
	uint64_t sent, dropped;	/* dropped: also what a process had with it when it died */
	uint64_t restarts;	/* of a process that had died */
};

/* Call it once in a while: it moves what waits, and hears of the outlet. */
void outlet_counters(struct outlet *o, struct outlet_counters *ret);

/* The next of what the outlet has to say to people; false: nothing more. */
bool outlet_news(struct outlet *o, struct err *ret);

/* No more messages; waits up to `patience_ms` for the process to end by itself.  Accepts NULL. */
void outlet_close(struct outlet *o, int patience_ms);

#endif
