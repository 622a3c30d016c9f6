/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of interfaces: they go down, get another name, vanish, and come back. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>

#include "interface_names.h"
#include "live_parts.h"

enum { RETRY_MAX_S = 60 };

/*
 * Bind the socket that libpcap has to the interface that has this name now.
 * Only opening a packet socket takes privilege, so that this works after they
 * were dropped; filter, ring and counters stay.
 */
static bool bind_again(struct interface *i, unsigned index)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)index,
	};
	struct packet_mreq promiscuous = { .mr_ifindex = (int)index, .mr_type = PACKET_MR_PROMISC };
	int fd = pcap_fileno(i->pcap), ignored;
	socklen_t size = sizeof(ignored);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &ignored, &size);	/* "network is down" of before */
	/* the kernel binds none that shares packets; one that was only down goes on */
	if (i->live->rings > 1)
		return index == i->index;
	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		return false;
	if (i->promiscuous)
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
			   sizeof(promiscuous));
	i->index = index;
	return true;
}

/* Once more, at growing distances.  True when there is news. */
static bool look_for(struct interface *i, struct err *ret)
{
	nsec now = live_monotonic();
	unsigned index = i->is_any ? 0 : interface_index(i->live->ask, i->name);

	if (now < i->retry_at || (index == 0 && !i->is_any))
		return false;
	if (bind_again(i, index)) {
		i->gone = i->told = i->down = false;
		i->retry_s = 0;
		i->retry_at = 0;
		err_set(ret, "%s: is back, capturing again", i->name);
		return true;
	}
	i->retry_s = i->retry_s == 0                ? 1
		     : i->retry_s < RETRY_MAX_S / 2 ? 2 * i->retry_s
						    : RETRY_MAX_S;
	i->retry_at = now + i->retry_s * NSEC_PER_S;
	return false;
}

/*
 * Its name is nobody's any more, and what it was has another one: the socket is bound to it as
 * before.
 */
static bool was_renamed(struct interface *i, struct err *ret)
{
	char name[IFNAMSIZ];

	if (i->is_any || interface_index(i->live->ask, i->name) != 0 ||
	    !interface_name(i->live->ask, i->index, name))
		return false;
	err_set(ret, "%s: is called %s now, and watched under that name", i->name, name);
	memcpy(i->name, name, sizeof(i->name));
	/* libpcap, which knows it by its old name, may have taken it for gone */
	i->gone = i->told;
	return true;
}

static bool news_of(struct live *l, struct interface *i, struct err *ret, bool *ret_sees)
{
	int flags;
	bool down;

	*ret_sees = i->told;
	if (was_renamed(i, ret)) {
		*ret_sees = !i->told && !i->down;
		return true;
	}
	if (i->told)
		return look_for(i, ret);
	if (!i->is_any && interface_index(l->ask, i->name) != i->index) {
		i->gone = i->told = true;
		err_set(ret, l->rings > 1 ? "%s: has vanished; with --workers it is seen again "
					    "only after a restart" :
			"%s: has vanished, waiting for it to come back; "
			"until then nothing is seen there", i->name);
		return true;
	}
	if (i->gone) {
		i->told = true;
		err_set(ret, "%s: cannot be read: %s; trying again", i->name, pcap_geterr(i->pcap));
		return true;
	}
	if (i->is_any)
		return false;
	flags = interface_flags(l->ask, i->name);
	down = flags >= 0 && (flags & (IFF_UP | IFF_RUNNING)) != (IFF_UP | IFF_RUNNING);
	if (down == i->down)
		return false;
	i->down = down;
	*ret_sees = !down;
	err_set(ret, down ? "%s: is down, nothing is seen there" : "%s: is up again", i->name);
	return true;
}

bool live_news(struct live *l, struct err *ret, bool *ret_sees)
{
	for (size_t k = 0; k < l->n; k++) {
		struct interface *i = &l->interfaces[k];
		bool news;

		pthread_mutex_lock(&i->lock);
		news = news_of(l, i, ret, ret_sees);
		pthread_mutex_unlock(&i->lock);
		if (news && k % l->rings == 0)	/* said once */
			return true;
	}
	return false;
}
