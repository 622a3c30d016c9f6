/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Messages to a syslog collector.  Over TCP a message stays in the queue until the collector's
 * kernel has acknowledged its last octet, so a connection that breaks loses nothing that was not
 * delivered; what was delivered and not yet acknowledged comes twice.  Over UDP nobody
 * acknowledges, but a host may refuse, after the datagram: what is sent first to a collector that
 * could not be reached waits for that.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "service/outlet_end.h"

enum {
	PAUSE_FIRST_MS = 500, PAUSE_MAX_MS = 30000,	/* between two attempts */
	CONNECT_MS = 2500,
	ACK_LOOK_MS = 100,		/* how soon acknowledged messages are noticed */
	UNACKNOWLEDGED_MS = 30000,	/* then a silent connection is given up */
	/* so late may be heard that nobody takes a datagram, also from the neighbour table: 3 s */
	REFUSED_MS = 4000,
};

static const char local[] = "/dev/log";

enum transport { TRANSPORT_UNIX, TRANSPORT_UDP, TRANSPORT_TCP };

struct syslog {
	const char *target;		/* as given, for messages */
	enum transport transport;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char host[256], port[8];
	/* of a host that is a number; NULL: its name is asked for each time */
	struct addrinfo *fixed;
	int fd;				/* -1: not connected */
	int64_t retry_at_ms;
	int pause_ms;
	bool failing;			/* and that was told */
	int64_t tried_at_ms;		/* the first datagram was sent, while failing; 0 none */
	/* TCP; all of this connection */
	uint64_t written;		/* octets */
	/* messages at the front of the queue that are written to their end; UDP: that was tried */
	size_t whole;
	size_t part;			/* octets written of the next one's frame */
};

/* ---- the target ---- */

static bool split_host(const char *text, struct syslog *ret, const char *target, struct err *e)
{
	const char *close = *text == '[' ? strchr(text, ']') : NULL;
	const char *host = close ? text + 1 : text;
	const char *end = close ? close : strrchr(text, ':');
	const char *colon = close ? close + 1 : end;
	char *stop;
	long port;

	if (!end || *colon != ':' || end == host || (size_t)(end - host) >= sizeof(ret->host) ||
	    (!close && memchr(host, ':', (size_t)(end - host))))
		return err_set(e, "%s: write HOST:PORT after the slashes, [ADDRESS]:PORT for IPv6",
			       target);
	port = strtol(colon + 1, &stop, 10);
	if (stop == colon + 1 || *stop || port < 1 || port > 65535)
		return err_set(e, "%s: its port is no number from 1 to 65535", target);
	snprintf(ret->host, sizeof(ret->host), "%.*s", (int)(end - host), host);
	snprintf(ret->port, sizeof(ret->port), "%ld", port);
	return true;
}

static bool parse(const char *target, struct syslog *ret, struct err *e)
{
	*ret = (struct syslog){ .target = target, .fd = -1, .pause_ms = PAUSE_FIRST_MS };
	if (strncmp(target, "tcp://", 6) == 0 || strncmp(target, "udp://", 6) == 0) {
		ret->transport = *target == 't' ? TRANSPORT_TCP : TRANSPORT_UDP;
		return split_host(target + 6, ret, target, e);
	}
	if (strcmp(target, "unix") != 0 && strncmp(target, "unix:/", 6) != 0)
		return err_set(e, "%s: not a way to syslog; write unix, unix:/PATH, "
				  "udp://HOST:PORT or tcp://HOST:PORT",
			       target);

	const char *path = target[4] ? target + 5 : local;

	if (strlen(path) >= sizeof(ret->path))
		return err_set(e, "%s: path longer than %zu characters", target,
			       sizeof(ret->path) - 1);
	memcpy(ret->path, path, strlen(path) + 1);
	return true;
}

bool outlet_syslog_target(const char *target, struct err *e)
{
	struct syslog s;

	return parse(target, &s, e);
}

/* ---- the connection ---- */

static void disconnect(struct syslog *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->written = 0;
	s->tried_at_ms = 0;
	s->whole = s->part = 0;		/* from the first that was not acknowledged */
}

/* Tried again after a pause, which grows until something is delivered. */
static void rest(struct syslog *s, struct outlet_end *end)
{
	disconnect(s);
	end->report.up = 0;
	s->retry_at_ms = outlet_clock_ms() + s->pause_ms;
	s->pause_ms = 2 * s->pause_ms < PAUSE_MAX_MS ? 2 * s->pause_ms : PAUSE_MAX_MS;
}

static void fail(struct syslog *s, struct outlet_end *end, const char *why)
{
	rest(s, end);
	if (!s->failing)
		outlet_end_news(end, "syslog %s: cannot be reached: %s; tried again until it can",
				s->target, why);
	s->failing = true;
}

static void reached(struct syslog *s, struct outlet_end *end)
{
	end->report.up = 1;
	if (s->failing)
		outlet_end_news(end, "syslog %s: is reached again", s->target);
	s->failing = false;
}

static int connect_unix(const struct syslog *s)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	memcpy(to.sun_path, s->path, sizeof(to.sun_path));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		int why = errno;

		close(fd);
		errno = why;
		return -1;
	}
	return fd;
}

static bool connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(errno);
	int why = 0;

	if (poll(&p, 1, CONNECT_MS) != 1) {
		errno = ETIMEDOUT;
		return false;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) == 0 && why == 0)
		return true;
	errno = why;
	return false;
}

static int connect_to(const struct addrinfo *a)
{
	int fd =
		socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	int on = 1, unacknowledged = UNACKNOWLEDGED_MS;

	if (fd < 0)
		return -1;
	if (a->ai_socktype == SOCK_STREAM) {
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged,
			   sizeof(unacknowledged));
	}
	if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || (errno == EINPROGRESS && connected(fd)))
		return fd;

	int why = errno;

	close(fd);
	errno = why;
	return -1;
}

static int find_host(const struct syslog *s, int flags, struct addrinfo **ret)
{
	const struct addrinfo hints = {
		.ai_flags = flags, .ai_socktype = s->transport == TRANSPORT_TCP ?
			    SOCK_STREAM : SOCK_DGRAM,
	};

	return getaddrinfo(s->host, s->port, &hints, ret);
}

static void try_to_connect(struct syslog *s, struct outlet_end *end)
{
	struct addrinfo *list = s->fixed;
	int status = 0;

	if (s->transport == TRANSPORT_UNIX)
		s->fd = connect_unix(s);
	else if (!list)
		status = find_host(s, 0, &list);
	for (const struct addrinfo *a = list; a && s->fd < 0; a = a->ai_next)
		s->fd = connect_to(a);
	if (s->fd < 0)
		fail(s, end, status ? gai_strerror(status) : strerror(errno));
	else if (s->transport != TRANSPORT_UDP || !s->failing)
		reached(s, end);
	if (list && list != s->fixed)
		freeaddrinfo(list);
}

/* ---- sending ---- */

static void sent(struct syslog *s, struct outlet_end *end)
{
	message_queue_pop(&end->waiting);
	end->report.sent++;
	s->pause_ms = PAUSE_FIRST_MS;
}

/* Is it not known yet what becomes of the datagram that was tried? */
static bool waits_for_refusal(struct syslog *s, struct outlet_end *end)
{
	socklen_t size = sizeof(int);
	int why = 0;

	if (s->tried_at_ms == 0)
		return false;
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &why, &size) == 0 && why != 0) {
		fail(s, end, strerror(why));
		return true;
	}
	if (outlet_clock_ms() < s->tried_at_ms + REFUSED_MS && !end->over)
		return true;
	s->tried_at_ms = 0;
	s->whole = 0;
	sent(s, end);
	reached(s, end);
	return false;
}

/* One message, one datagram. */
static void send_datagrams(struct syslog *s, struct outlet_end *end)
{
	if (waits_for_refusal(s, end))
		return;
	while (end->waiting.n > 0) {
		struct message *m = message_queue_at(&end->waiting, 0);

		if (send(s->fd, m->text, m->length, MSG_NOSIGNAL) >= 0) {
			if (s->failing && s->transport == TRANSPORT_UDP && !end->over) {
				s->tried_at_ms = outlet_clock_ms();
				s->whole = 1;
				return;
			}
			sent(s, end);
		} else if (errno == EMSGSIZE) {		/* never will */
			message_queue_pop(&end->waiting);
			end->waiting.dropped++;
		} else {
			if (errno != EAGAIN && errno != ENOBUFS)
				fail(s, end, strerror(errno));
			return;
		}
	}
}

/* The rest of one frame, "LENGTH SP MESSAGE".  False: no more can be written now. */
static bool write_frame(struct syslog *s, struct outlet_end *end, struct message *m)
{
	char prefix[24];
	size_t before = (size_t)snprintf(prefix, sizeof(prefix), "%zu ", m->length);
	struct iovec parts[2];
	ssize_t n;

	if (s->part < before) {
		parts[0] = (struct iovec){ prefix + s->part, before - s->part };
		parts[1] = (struct iovec){ m->text, m->length };
	} else {
		parts[0] = (struct iovec){ m->text + (s->part - before),
					   m->length - (s->part - before) };
		parts[1] = (struct iovec){ m->text, 0 };
	}
	n = writev(s->fd, parts, 2);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			fail(s, end, strerror(errno));
		return false;
	}
	s->written += (size_t)n;
	s->part += (size_t)n;
	if (s->part < before + m->length)
		return false;
	m->end = s->written;
	s->whole++;
	s->part = 0;
	return true;
}

/* Messages that have arrived are forgotten. */
static void take_acknowledged(struct syslog *s, struct outlet_end *end)
{
	int left = 0;

	if (ioctl(s->fd, SIOCOUTQ, &left) != 0)
		return;
	while (s->whole > 0 &&
	       message_queue_at(&end->waiting, 0)->end + (unsigned)left <= s->written) {
		sent(s, end);
		s->whole--;
	}
}

/* A collector says nothing; the end of its stream is the end of the connection. */
static bool hung_up(const struct syslog *s)
{
	char dull[256];
	ssize_t n;

	while ((n = recv(s->fd, dull, sizeof(dull), MSG_DONTWAIT)) > 0)
		continue;
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}

static void send_stream(struct syslog *s, struct outlet_end *end)
{
	take_acknowledged(s, end);
	if (hung_up(s)) {
		rest(s, end);		/* if it cannot be reached then, that is news */
		return;
	}
	while (s->fd >= 0 && s->whole < end->waiting.n &&
	       write_frame(s, end, message_queue_at(&end->waiting, s->whole)))
		continue;
}

static size_t busy(const struct syslog *s)
{
	return s->whole + (s->part > 0);
}

static void wait_for_news(const struct syslog *s, const struct outlet_end *end)
{
	bool unsent = end->waiting.n > s->whole;
	struct pollfd fds[2] = {
		{ .fd = end->over ? -1 : end->queue, .events = POLLIN },
		{ .fd = s->fd, .events = (short)(POLLIN | (unsent ? POLLOUT : 0)) },
	};
	int ms = s->whole > 0 || end->over ? ACK_LOOK_MS : 1000;

	if (s->fd < 0) {
		int64_t left = s->retry_at_ms - outlet_clock_ms();

		ms = left < 0 ? 0 : left < ms ? (int)left : ms;
	}
	/* a datagram socket is writable although its receiver is not */
	if (s->transport != TRANSPORT_TCP && unsent && s->fd >= 0) {
		fds[1].fd = -1;
		ms = ACK_LOOK_MS;
	}
	poll(fds, 2, ms);
}

static void run(void *self, struct outlet_end *end)
{
	struct syslog *s = self;
	bool was_over = false;

	end->report.up = 0;
	while (!outlet_end_over(end)) {
		outlet_end_take(end, busy(s));
		if (end->over && !was_over)
			s->retry_at_ms = 0;	/* the last chance */
		was_over = end->over;
		if (s->fd < 0 && outlet_clock_ms() >= s->retry_at_ms)
			try_to_connect(s, end);
		if (s->fd >= 0 && s->transport == TRANSPORT_TCP)
			send_stream(s, end);
		else if (s->fd >= 0)
			send_datagrams(s, end);
		outlet_end_tell(end);
		if (!outlet_end_over(end))
			wait_for_news(s, end);
	}
}

bool outlet_syslog(struct outlet **ret, const char *target, const char *user, struct err *e)
{
	struct syslog s;
	struct outlet_needs needs = { 0 };
	const struct outlet_plan plan = {
		.name = "sawatch-syslog", .user = user, .keep = -1, .needs = &needs, .run = run,
		.self = &s,
	};
	bool ok;

	*ret = NULL;
	if (!parse(target, &s, e))
		return false;
	needs.local = s.transport == TRANSPORT_UNIX;
	needs.connects = !needs.local;
	needs.resolves = needs.connects && find_host(&s, AI_NUMERICHOST, &s.fixed) != 0;
	ok = outlet_start(ret, &plan, e);
	if (s.fixed)
		freeaddrinfo(s.fixed);
	return ok;
}
