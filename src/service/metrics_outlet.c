/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The page of metrics for Prometheus: in a file for node_exporter's textfile collector, and over
 * HTTP.  The monitor only changes the page in memory; whoever reads it here cannot slow it down.
 */
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/outlet_end.h"

enum {
	CONNECTIONS = 32, CONNECTION_MEMORY = 16 << 10, CONNECTION_IDLE_S = 15,
	LOOK_MS = 250,		/* for a new page */
	BACKLOG = 16,
};

static const char content_type[] = "text/plain; version=0.0.4; charset=utf-8";
static const char unavailable[] = "# the monitor has not reported yet\n";
static const char elsewhere[] = "sawatch: the metrics are at /metrics\n";

struct exporter {
	const struct outlet_metrics *options;
	int listener;			/* -1: none */
	struct MHD_Daemon *daemon;
	struct MHD_Response *response;	/* of the present page; NULL before the first */
	struct MHD_Response *none, *other;
	struct outlet_end *end;
	uint32_t seen;
	/* name of the file that is written before it takes the other's place */
	char *temporary;
	bool failing;
	bool orderly;			/* the monitor has taken its leave */
};

/* ---- the file ---- */

static bool write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
	}
	return true;
}

static bool write_file(struct exporter *x, const char *page, size_t length, struct err *e)
{
	/* for the collector to read, whoever it is */
	int fd = open(x->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	bool ok = fd >= 0 && fchmod(fd, 0644) == 0 && write_all(fd, page, length);

	if (fd >= 0 && close(fd) != 0)
		ok = false;
	if (ok && rename(x->temporary, x->options->file) == 0)
		return true;
	err_set(e, "metrics file %s: cannot be written: %s", x->options->file, strerror(errno));
	if (fd >= 0)
		unlink(x->temporary);
	return false;
}

static void keep_file(struct exporter *x, const char *page, size_t length)
{
	struct err e;
	bool ok = write_file(x, page, length, &e);

	x->end->report.up = ok;
	if (!ok && !x->failing)
		outlet_end_news(x->end, "%s", e.text);
	if (ok && x->failing)
		outlet_end_news(x->end, "metrics file %s: is written again", x->options->file);
	x->failing = !ok;
	x->end->report.sent += ok;
}

/* ---- HTTP ---- */

static enum MHD_Result on_request(void *user, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	static int begun;
	struct exporter *x = user;
	bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
		     strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;

	(void)version;
	(void)upload;
	if (!*state) {		/* headers first; answered when the request is complete */
		*state = &begun;
		return MHD_YES;
	}
	if (*upload_size != 0) {	/* whatever it is, nobody wants it */
		*upload_size = 0;
		return MHD_YES;
	}
	if (!reads)
		return MHD_queue_response(c, MHD_HTTP_METHOD_NOT_ALLOWED, x->other);
	if (strcmp(url, "/metrics") != 0)
		return MHD_queue_response(
			c, strcmp(url, "/") == 0 ? MHD_HTTP_OK : MHD_HTTP_NOT_FOUND, x->other);
	x->end->report.sent++;
	return MHD_queue_response(c, x->response ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
				  x->response ? x->response : x->none);
}

/* "127.0.0.1:9750", "[::1]:9750", ":9750" (all addresses), "localhost:9750". */
static bool open_listener(const char *where, int *ret, struct err *e)
{
	const struct addrinfo hints = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(where, ':');
	size_t length = colon ? (size_t)(colon - where) : 0;
	struct addrinfo *list = NULL;
	char host[256] = "";
	int status, why = 0, on = 1;

	if (!colon || length >= sizeof(host) ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1) || !colon[1])
		return err_set(e, "metrics: %s: write ADDRESS:PORT, [ADDRESS]:PORT for IPv6, "
				  "or :PORT for all", where);
	/* getaddrinfo() takes what is left of it */
	if (strlen(colon + 1) > 5 || strtol(colon + 1, NULL, 10) > 65535)
		return err_set(e, "metrics: %s: its port is no number up to 65535", where);
	memcpy(host, where, length);
	if (*host == '[' && host[length - 1] == ']') {
		host[length - 1] = '\0';
		memmove(host, host + 1, length - 1);
	} else if (strchr(host, ':')) {
		return err_set(e, "metrics: %s: write an IPv6 address as [ADDRESS]:PORT", where);
	}
	status = getaddrinfo(*host ? host : NULL, colon + 1, &hints, &list);
	if (status != 0)
		return err_set(e, "metrics: %s: %s", where, gai_strerror(status));
	*ret = -1;
	for (const struct addrinfo *a = list; a && *ret < 0; a = a->ai_next) {
		int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
				a->ai_protocol);

		if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
		    bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
			*ret = fd;
			break;
		}
		why = errno;
		if (fd >= 0)
			close(fd);
	}
	freeaddrinfo(list);
	return *ret >= 0 ||
	       err_set(e, "metrics: %s: cannot listen there: %s", where, strerror(why));
}

static struct MHD_Response *response_of(char *text, size_t length, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(length, text, mode);

	if (r)
		MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, content_type);
	return r;
}

/* ---- the process ---- */

static bool begin(void *self, struct err *e)
{
	struct exporter *x = self;

	if (x->options->file) {		/* better said now than never */
		int fd = open(x->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			      0644);

		if (fd < 0)
			return err_set(e, "metrics file %s: cannot be made: %s", x->options->file,
				       strerror(errno));
		close(fd);
		unlink(x->temporary);
	}
	if (x->listener < 0)
		return true;
	x->none = response_of((char *)unavailable, sizeof(unavailable) - 1, MHD_RESPMEM_PERSISTENT);
	x->other = response_of((char *)elsewhere, sizeof(elsewhere) - 1, MHD_RESPMEM_PERSISTENT);
	x->daemon = MHD_start_daemon(
		MHD_USE_EPOLL, 0, NULL, NULL, on_request, x, MHD_OPTION_LISTEN_SOCKET, x->listener,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_IDLE_S, MHD_OPTION_END);
	return (x->daemon && x->none && x->other) || err_set(e, "metrics: the HTTP server does "
								"not start: %s", strerror(errno));
}

static void take_page(struct exporter *x)
{
	size_t length;
	char *page = outlet_page_read(x->end->page, &x->seen, &length);

	if (!page)
		return;
	if (length == 0) {
		x->orderly = true;
		free(page);
		return;
	}
	if (x->options->file)
		keep_file(x, page, length);
	if (x->daemon) {
		if (x->response)
			/* whoever is being answered keeps it */
			MHD_destroy_response(x->response);
		x->response = response_of(page, length, MHD_RESPMEM_MUST_FREE);
		return;
	}
	free(page);
}

static int patience(const struct exporter *x)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (x->daemon && MHD_get_timeout(x->daemon, &ms) == MHD_YES && ms < LOOK_MS)
		return (int)ms;
	return LOOK_MS;
}

static void run(void *self, struct outlet_end *end)
{
	struct exporter *x = self;
	const union MHD_DaemonInfo *info =
		x->daemon ? MHD_get_daemon_info(x->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	struct pollfd fds[2] = {
		{ .fd = end->queue, .events = POLLIN },
		{ .fd = info ? info->epoll_fd : -1, .events = POLLIN },
	};

	x->end = end;
	while (!end->over) {
		outlet_end_take(end, 0);
		take_page(x);
		if (x->daemon)
			MHD_run(x->daemon);
		outlet_end_tell(end);
		if (!end->over)
			poll(fds, 2, patience(x));
	}
	take_page(x);
	/* one that was killed leaves its page, whose age calls somebody */
	if (x->options->file && x->orderly)
		unlink(x->options->file);
}

bool outlet_metrics(struct outlet **ret, const struct outlet_metrics *o, struct err *e)
{
	struct exporter x = { .options = o, .listener = -1 };
	const struct outlet_needs needs = { .serves = o->listen != NULL, .file = o->file };
	struct outlet_plan plan = {
		.name = "sawatch-metrics", .user = o->user, .with_page = true, .needs = &needs,
		.begin = begin, .run = run,
		.self = &x,
	};
	bool ok;

	*ret = NULL;
	if (o->listen && !open_listener(o->listen, &x.listener, e))
		return false;
	if (o->file && asprintf(&x.temporary, "%s.%ld.tmp", o->file, (long)getpid()) < 0)
		return err_set(e, "memory is short");
	plan.keep = x.listener;
	ok = outlet_start(ret, &plan, e);
	free(x.temporary);
	return ok;
}
