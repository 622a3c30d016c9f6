/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protocol of sd_notify(3), without libsystemd: lines of KEY=value in one datagram. */
#include <sawatch/readiness.h>

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static nsec monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

/* False: the manager's queue is full, or it has gone. */
static bool tell(const struct readiness *r, const char *text, int flags)
{
	return r->socket < 0 || send(r->socket, text, strlen(text), flags | MSG_NOSIGNAL) >= 0;
}

/* A path, or "@name": an abstract socket. */
static bool connect_to(struct readiness *r, const char *where, struct err *e)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t length = strlen(where);

	if ((*where != '/' && *where != '@') || length >= sizeof(to.sun_path))
		return err_set(e, "NOTIFY_SOCKET %s: is no address of a unix socket; "
				  "the service manager is not told", where);
	memcpy(to.sun_path, where, length);
	if (*where == '@')
		to.sun_path[0] = '\0';
	r->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (r->socket >= 0 &&
	    connect(r->socket, (const struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) == 0)
		return true;
	err_set(e, "NOTIFY_SOCKET %s: %s; the service manager is not told", where, strerror(errno));
	readiness_close(r);
	return false;
}

/* Half of $WATCHDOG_USEC, when it is meant for this process. */
static nsec watchdog_interval(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	char *end;
	unsigned long long n;

	if (!us || (pid && strtol(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	n = strtoull(us, &end, 10);
	return errno || *end || n > INT64_MAX / 1000 ? 0 : (nsec)n * 1000 / 2;
}

bool readiness_open(struct readiness *r, struct err *e)
{
	const char *where = getenv("NOTIFY_SOCKET");
	bool ok;

	*r = (struct readiness){ .socket = -1 };
	ok = !where || connect_to(r, where, e);
	r->alive_every = r->socket >= 0 ? watchdog_interval() : 0;
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return ok;
}

void readiness_close(struct readiness *r)
{
	if (r->socket >= 0)
		close(r->socket);
	r->socket = -1;
}

void readiness_ready(struct readiness *r)
{
	tell(r, "READY=1", 0);
}

void readiness_reloading(struct readiness *r)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, monotonic() / 1000);
	tell(r, text, 0);
}

void readiness_stopping(struct readiness *r)
{
	tell(r, "STOPPING=1", 0);
}

void readiness_status(struct readiness *r, const char *text)
{
	char line[READINESS_STATUS_MAX + sizeof("STATUS=")];
	char status[READINESS_STATUS_MAX];

	snprintf(status, sizeof(status), "%s", text);
	status[strcspn(status, "\n")] = '\0';	/* the next line would be another key */
	if (strcmp(status, r->status) == 0)
		return;
	snprintf(line, sizeof(line), "STATUS=%s", status);
	if (tell(r, line, MSG_DONTWAIT))
		memcpy(r->status, status, sizeof(status));
}

void readiness_alive(struct readiness *r)
{
	nsec now;

	if (r->alive_every == 0)
		return;
	now = monotonic();
	/* what does not get through is told again the next time round */
	if (now >= r->alive_at && tell(r, "WATCHDOG=1", MSG_DONTWAIT))
		r->alive_at = now + r->alive_every;
}
