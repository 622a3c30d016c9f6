/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An outlet, who it delivers to on loopback, and a folder; its processes have no rights at all. */
#ifndef SAWATCH_TESTS_OUTLET_STAGE_H
#define SAWATCH_TESTS_OUTLET_STAGE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <sawatch/outlet.h>

enum { PATIENCE_MS = 15000 };

static const char *user;		/* of the processes: nobody, when that is possible */
static char folder[] = "/tmp/sawatch-outlet-XXXXXX";

static inline int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline void rest(int ms)
{
	poll(NULL, 0, ms);
}

static inline struct outlet_counters counters(struct outlet *o)
{
	struct outlet_counters c;

	outlet_counters(o, &c);
	return c;
}

#define WAIT_FOR(condition)                                                        \
	do {                                                                       \
		int64_t until = now_ms() + PATIENCE_MS;                            \
		bool came;                                                         \
                                                                                   \
		while (!(came = (condition)) && now_ms() < until)                  \
			rest(10);                                                  \
		if (!came)                                                         \
			fail_msg("%s", #condition);                                \
	} while (0)

static inline int listener(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(*port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static inline struct outlet *syslog_to(uint16_t port)
{
	char target[64];
	struct outlet *o;
	struct err e;

	snprintf(target, sizeof(target), "tcp://127.0.0.1:%u", port);
	if (!outlet_syslog(&o, target, user, &e))
		fail_msg("%s", e.text);
	return o;
}

static inline void put(struct outlet *o, const char *text)
{
	outlet_put(o, text, strlen(text));
}

/* Reads until `wanted` came, while the monitor does its round; everything so far is in `buffer`. */
static inline void read_until(struct outlet *o, int fd, char *buffer, size_t size,
			      const char *wanted)
{
	size_t length = strlen(buffer), seen = 0;
	int64_t until = now_ms() + PATIENCE_MS;

	while (!strstr(buffer + seen, wanted) && now_ms() < until && length + 1 < size) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		counters(o);
		seen = length > strlen(wanted) ? length - strlen(wanted) : 0;
		n = poll(&p, 1, 100) == 1 ? read(fd, buffer + length, size - 1 - length) : 0;
		if (n > 0)
			length += (size_t)n;
		buffer[length] = '\0';
	}
	if (!strstr(buffer + seen, wanted))
		fail_msg("\"%s\" did not come, but %zu bytes: \"%.80s\"", wanted, length, buffer);
}

/* ---- commands ---- */

static inline char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static inline struct outlet *command(const char *text, int timeout_ms, int per_minute)
{
	const struct outlet_command c = {
		.command = text, .user = user, .timeout_ms = timeout_ms, .per_minute = per_minute
	};
	struct outlet *o;
	struct err e;

	if (!outlet_command(&o, &c, &e))
		fail_msg("%s", e.text);
	return o;
}

static inline char *contents(const char *name)
{
	static char text[4096];
	int fd = open(path_of(name), O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* ---- metrics ---- */

/* What is answered to `request` at this port of loopback; forgotten with the next one. */
static inline const char *ask(uint16_t port, const char *request)
{
	static char answer[400000];
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t length = 0;
	ssize_t n;

	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(write(fd, request, strlen(request)), (ssize_t)strlen(request));
	while (length + 1 < sizeof(answer) &&
	       (n = read(fd, answer + length, sizeof(answer) - 1 - length)) > 0)
		length += (size_t)n;
	answer[length] = '\0';
	close(fd);
	return answer;
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

/* ---- around it ---- */

static inline int enter(void **state)
{
	(void)state;
	/* whose parent dies becomes ours, so that it can be gone and not only dead */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGPIPE, SIG_IGN);
	user = geteuid() == 0 ? "nobody" : NULL;
	return mkdtemp(folder) && chmod(folder, 0777) == 0 ? 0 : -1;
}

static inline int leave(void **state)
{
	char line[64];

	(void)state;
	signal(SIGCHLD, SIG_DFL);
	snprintf(line, sizeof(line), "rm -rf '%s'", folder);
	return system(line);
}

#endif
