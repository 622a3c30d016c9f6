/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "interface_names.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sawatch/live.h>
#include <sawatch/text.h>

enum { NAMED_MAX = 10 };	/* interfaces in a complaint */

static bool ask_about(int ask, const char *name, unsigned long question, struct ifreq *ret)
{
	*ret = (struct ifreq){ 0 };
	snprintf(ret->ifr_name, sizeof(ret->ifr_name), "%s", name);
	return ioctl(ask, question, ret) == 0;
}

int interface_flags(int ask, const char *name)
{
	struct ifreq answer;

	/* 16 bits in a short */
	return ask_about(ask, name, SIOCGIFFLAGS, &answer) ? (unsigned short)answer.ifr_flags : -1;
}

/* if_nametoindex() opens a socket each time, which a sandbox does not allow. */
unsigned interface_index(int ask, const char *name)
{
	struct ifreq answer;

	return ask_about(ask, name, SIOCGIFINDEX, &answer) ? (unsigned)answer.ifr_ifindex : 0;
}

bool interface_name(int ask, unsigned index, char *ret)
{
	struct ifreq answer = { .ifr_ifindex = (int)index };

	if (index == 0 || ioctl(ask, SIOCGIFNAME, &answer) != 0)
		return false;
	snprintf(ret, IFNAMSIZ, "%.*s", IFNAMSIZ - 1, answer.ifr_name);
	return true;
}

bool live_list(struct live_interface **ret, size_t *ret_n, struct err *e)
{
	struct if_nameindex *names = if_nameindex();
	int ask = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	size_t n = 0;

	*ret = NULL;
	*ret_n = 0;
	while (names && names[n].if_index != 0)
		n++;
	if (names && ask >= 0)
		*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret) {
		err_set(e, "interfaces: cannot be listed: %s", strerror(errno));
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		int flags = interface_flags(ask, names[i].if_name);

		snprintf((*ret)[i].name, sizeof((*ret)[i].name), "%s", names[i].if_name);
		(*ret)[i].up = flags > 0 && flags & IFF_UP;
		(*ret)[i].running = flags > 0 && flags & IFF_RUNNING;
		(*ret)[i].loopback = flags > 0 && flags & IFF_LOOPBACK;
	}
	(*ret)[n] = (struct live_interface){ .name = "any", .up = true, .running = true };
	*ret_n = n + 1;
out:
	if (names)
		if_freenameindex(names);
	if (ask >= 0)
		close(ask);
	return *ret != NULL;
}

bool interface_missing(const char *name, struct err *e)
{
	struct live_interface *list;
	char there[256];
	struct text t = TEXT_IN(there);
	size_t n;

	if (!live_list(&list, &n, NULL))
		return err_set(e, "%s: no such interface", name);
	for (size_t i = 0; i < n && i < NAMED_MAX; i++)
		text_add(&t, "%s%s", i > 0 ? ", " : "", list[i].name);
	if (n > NAMED_MAX)
		text_add(&t, " and more, which -D lists");
	free(list);
	return err_set(e, "%s: no such interface; there are %s", name, there);
}
