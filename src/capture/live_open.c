/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Live capture begins (TECH-NOTES 2.1).  No immediate mode: it gives up the ring of
 * blocks, and lost 45 % where the ring lost nothing.  Non-blocking, because on
 * a silent link libpcap sleeps for ever in spite of its timeout.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sawatch/text.h>

#include "interface_names.h"
#include "live_fanout.h"
#include "live_parts.h"

enum {
	READ_TIMEOUT_MS = 100,	/* the kernel closes a block of the ring that is not full */
	/* pcap_datalink() of raw IP on Linux; LINKTYPE_RAW is what files call it */
	DLT_OF_RAW = 12,
};

static bool explain_activation(const struct interface *i, int status, struct err *e)
{
	switch (status) {
	case PCAP_ERROR_PERM_DENIED:
	case PCAP_ERROR_PROMISC_PERM_DENIED:
		return err_set(e, "%s: no permission to capture; run as root, or once: "
				  "setcap cap_net_raw=ep /path/to/sawatch", i->name);
	case PCAP_ERROR_IFACE_NOT_UP:
		return err_set(e, "%s: is down; ip link set %s up", i->name, i->name);
	case PCAP_ERROR_NO_SUCH_DEVICE:
		return interface_missing(i->name, e);
	default:
		return err_set(e, "%s: cannot be captured from: %s%s%s", i->name,
			       pcap_statustostr(status), *pcap_geterr(i->pcap) ? ": " : "",
			       pcap_geterr(i->pcap));
	}
}

static bool set_filter(struct interface *i, const char *filter, struct err *e)
{
	struct bpf_program program;
	bool ok;

	if (!filter)
		return true;
	if (pcap_compile(i->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return err_set(e, "filter \"%s\" does not compile for %s: %s; see pcap-filter(7)",
			       filter, i->name, pcap_geterr(i->pcap));
	ok = pcap_setfilter(i->pcap, &program) == 0;
	if (!ok)
		err_set(e, "%s: the filter cannot be set: %s", i->name, pcap_geterr(i->pcap));
	pcap_freecode(&program);
	return ok;
}

static bool take_link_type(struct interface *i, struct err *e)
{
	int type = pcap_datalink(i->pcap);
	const char *name = pcap_datalink_val_to_name(type);

	i->link_type = type == DLT_OF_RAW ? LINK_RAW : (uint16_t)type;
	if (type >= 0 && type <= UINT16_MAX && link_type_supported(i->link_type))
		return true;
	return err_set(e, "%s: link type %d (%s) is not supported; capture where there is "
			  "Ethernet or IP", i->name, type,
		       name ? name : "unknown");
}

static bool open_interface(struct interface *i, const struct live_options *o, const char *name,
			   struct err *e)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	int status;

	i->is_any = strcmp(name, "any") == 0;
	if (strlen(name) >= sizeof(i->name) ||
	    (!i->is_any && interface_index(i->live->ask, name) == 0))
		return interface_missing(name, e);
	snprintf(i->name, sizeof(i->name), "%s", name);
	i->promiscuous = !o->no_promiscuous && !i->is_any;
	i->pcap = pcap_create(name, error);
	if (!i->pcap)
		return err_set(e, "%s: %s", name, error);
	pcap_set_snaplen(i->pcap, o->snap_length ? (int)o->snap_length : LIVE_SNAP_LENGTH);
	pcap_set_promisc(i->pcap, i->promiscuous);
	pcap_set_timeout(i->pcap, READ_TIMEOUT_MS);
	pcap_set_buffer_size(i->pcap, o->buffer_bytes ? (int)o->buffer_bytes : LIVE_BUFFER);
	pcap_set_tstamp_precision(i->pcap, PCAP_TSTAMP_PRECISION_NANO);	/* or not: asked below */
	status = pcap_activate(i->pcap);
	if (status < 0)
		return explain_activation(i, status, e);
	i->nanoseconds = pcap_get_tstamp_precision(i->pcap) == PCAP_TSTAMP_PRECISION_NANO;
	if (!take_link_type(i, e) || !set_filter(i, o->filter, e))
		return false;
	if (pcap_setnonblock(i->pcap, 1, error) != 0)
		return err_set(e, "%s: %s", name, error);
	i->index = interface_index(i->live->ask, name);
	return true;
}

static bool join_names(struct live *l, const struct live_options *o)
{
	char names[LIVE_INTERFACES_MAX * IFNAMSIZ];
	struct text t = TEXT_IN(names);

	for (size_t i = 0; i < o->n_interfaces; i++)
		text_add(&t, "%s%s", i > 0 ? "," : "", o->interfaces[i]);
	l->name = strdup(names);
	return l->name != NULL;
}

static nsec time_of_day(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

/* Until they are joined, each of an interface's rings gets all of its packets. */
static bool join_rings(struct live *l, size_t first, struct err *e)
{
	int fds[LIVE_INTERFACES_MAX];

	for (size_t i = 0; i < l->rings; i++)
		fds[i] = pcap_fileno(l->interfaces[first + i].pcap);
	return l->rings == 1 || live_fanout_join(fds, l->rings) ||
	       err_set(e, "%s: its packets cannot be shared among rings: %s; try without --workers",
		       l->interfaces[first].name, strerror(errno));
}

static bool open_interfaces(struct live *l, const struct live_options *o, struct err *e)
{
	for (size_t i = 0; i < o->n_interfaces * l->rings; i++) {
		l->interfaces[i].live = l;
		l->interfaces[i].begun = NSEC_NONE;
		pthread_mutex_init(&l->interfaces[i].lock, NULL);
		l->n = i + 1;
		if (!open_interface(&l->interfaces[i], o, o->interfaces[i / l->rings], e))
			return false;
	}
	for (size_t i = 0; i < l->n; i += l->rings)
		if (!join_rings(l, i, e))
			return false;
	l->from = l->rings > 1 ? time_of_day() : NSEC_NONE;
	return true;
}

static bool check_options(const struct live_options *o, struct err *e)
{
	if (o->n_interfaces > LIVE_INTERFACES_MAX)
		return err_set(e, "%s: is one interface too many; %d at most, or \"any\"",
			       o->interfaces[LIVE_INTERFACES_MAX], LIVE_INTERFACES_MAX);
	if (o->n_interfaces * o->rings > LIVE_INTERFACES_MAX)
		return err_set(e, "%zu interfaces with %u rings each are too many; "
				  "%d rings at most: fewer --workers", o->n_interfaces,
			       o->rings, LIVE_INTERFACES_MAX);
	for (size_t i = 0; i < o->n_interfaces; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(o->interfaces[i], o->interfaces[j]) == 0)
				return err_set(e, "%s: is given twice; every packet would "
						  "count double", o->interfaces[i]);
	return true;
}

bool live_open(struct live **ret, const struct live_options *o, struct err *e)
{
	struct live *l;
	bool ok = false;

	*ret = NULL;
	if (!check_options(o, e))
		return false;
	l = calloc(1, sizeof(*l));
	if (!l)
		return err_set(e, "no memory to capture");
	l->rings = o->rings > 0 ? o->rings : 1;
	l->bytes = malloc(LIVE_BATCH_BYTES);
	l->ask = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!l->bytes || l->ask < 0 || !join_names(l, o) ||
	    (o->n_interfaces > 1 && o->rings == 0 && !live_merge_init(&l->merge))) {
		err_set(e, "cannot capture: %s", strerror(errno));
		goto out;
	}
	if (!open_interfaces(l, o, e))
		goto out;
	*ret = l;
	ok = true;
out:
	if (!ok)
		live_close(l);
	return ok;
}

void live_close(struct live *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++) {
		if (l->interfaces[i].pcap)
			pcap_close(l->interfaces[i].pcap);
		pthread_mutex_destroy(&l->interfaces[i].lock);
	}
	live_merge_done(&l->merge);
	if (l->ask >= 0)
		close(l->ask);
	free(l->bytes);
	free(l->name);
	free(l);
}

void live_set_capture(struct live *l, uint32_t capture)
{
	l->capture = capture;
}

uint16_t live_link_type(const struct live *l, size_t interface)
{
	return l->interfaces[interface * l->rings].link_type;
}

const char *live_name(const struct live *l)
{
	return l->name;
}
