/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a service reports to the manager that started it (systemd, sd_notify(3)): that it is ready,
 * what it does, that it is alive.  Without a manager that listens ($NOTIFY_SOCKET) every call does
 * nothing.
 */
#ifndef SAWATCH_READINESS_H
#define SAWATCH_READINESS_H

#include <stdbool.h>

#include <sawatch/err.h>
#include <sawatch/nsec.h>

enum { READINESS_STATUS_MAX = 256 };

struct readiness {
	int socket;		/* connected; -1: nobody listens */
	nsec alive_every;	/* half of what the manager waits; 0: it has no watchdog for us */
	nsec alive_at;		/* next time; monotonic */
	char status[READINESS_STATUS_MAX];	/* that was told last */
};

/*
 * Take the manager's address from the environment, and out of it: children must not speak for us.
 * Before the sandbox.  False, with the reason: nobody will be told.
 */
bool readiness_open(struct readiness *r, struct err *e);
/* Also of one that did not open. */
void readiness_close(struct readiness *r);

/* Everything is open, or the settings are read again. */
void readiness_ready(struct readiness *r);
/* The settings are being read again, until readiness_ready(). */
void readiness_reloading(struct readiness *r);
/* It was told to end, and flushes. */
void readiness_stopping(struct readiness *r);

/* One line for people; told only when it is another one. */
void readiness_status(struct readiness *r, const char *text);

/* From the loop that does the work, each time round: tells the watchdog when it is time. */
void readiness_alive(struct readiness *r);

#endif
