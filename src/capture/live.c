/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Live capture (TECH-NOTES 2.1).  No immediate mode: it gives up the ring of
 * blocks, and lost 45 % where the ring lost nothing.  Non-blocking, because on
 * a silent link libpcap sleeps for ever in spite of its timeout.
 */
#include <sawatch/live.h>

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sawatch/text.h>

#include "live_fanout.h"
#include "live_merge.h"

enum {
	DISPATCH = 4096,	/* frames of one interface in a row */
	BATCH = 256,		/* frames handed over at once, so that the tracker can fetch ahead */
	BATCH_BYTES = 1 << 20,
	READ_TIMEOUT_MS = 100,	/* the kernel closes a block of the ring that is not full */
	RETRY_MAX_S = 60,
	JOINED_S = 2,
	NAMED_MAX = 10,		/* interfaces in a complaint */
	/* pcap_datalink() of raw IP on Linux; LINKTYPE_RAW is what files call it */
	DLT_OF_RAW = 12,
};

struct interface {
	struct live *live;
	nsec begun;		/* monotonic clock of the first live_ring_read(); NSEC_NONE */
	pthread_mutex_t lock;	/* of all that follows, where rings are read by threads of their own */
	char name[IFNAMSIZ];
	pcap_t *pcap;
	bool is_any;		/* all of them: can neither vanish nor be bound */
	bool promiscuous, nanoseconds;
	uint16_t link_type;
	unsigned index;		/* that it is bound to */
	bool gone, down;
	int retry_s;		/* until it is tried again, doubling */
	nsec retry_at;
	bool told;		/* that it is gone */
	struct pcap_stat before;	/* at the last look; libpcap's counters are 32 bits wide */
	struct live_counters counters;
};

struct live {
	size_t n;
	struct interface interfaces[LIVE_INTERFACES_MAX];	/* an interface of several rings: so many entries */
	size_t rings;		/* of each interface */
	nsec from;		/* time of day when the rings were joined: frames before that may lie in several */
	int ask;		/* socket for questions about interfaces */
	uint32_t capture;
	uint64_t frames;	/* handed over */
	char *name;
	/* for the length of a call */
	live_frames_fn *hand_over;
	void *user;
	/* a batch: what libpcap shows is its own only until its callback returns */
	struct frame batch[BATCH];
	size_t n_batch, batch_bytes;
	uint8_t *bytes;
	struct live_merge merge;	/* of several interfaces */
};

static nsec monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NSEC_PER_S + now.tv_nsec;
}

/* ---- which there are ---- */

static bool ask_about(int ask, const char *name, unsigned long question, struct ifreq *ret)
{
	*ret = (struct ifreq){ 0 };
	snprintf(ret->ifr_name, sizeof(ret->ifr_name), "%s", name);
	return ioctl(ask, question, ret) == 0;
}

static int flags_of(int ask, const char *name)
{
	struct ifreq answer;

	/* the kernel's flags are 16 bits in a short */
	return ask_about(ask, name, SIOCGIFFLAGS, &answer) ? (unsigned short)answer.ifr_flags : -1;
}

/* 0: there is none.  if_nametoindex() opens a socket each time, which a sandbox does not allow. */
static unsigned index_of(int ask, const char *name)
{
	struct ifreq answer;

	return ask_about(ask, name, SIOCGIFINDEX, &answer) ? (unsigned)answer.ifr_ifindex : 0;
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
		int flags = flags_of(ask, names[i].if_name);

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

static bool no_such_interface(const char *name, struct err *e)
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

/* ---- opening ---- */

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
		return no_such_interface(i->name, e);
	default:
		return err_set(e, "%s: cannot be captured from: %s%s%s", i->name, pcap_statustostr(status),
			       *pcap_geterr(i->pcap) ? ": " : "", pcap_geterr(i->pcap));
	}
}

static bool set_filter(struct interface *i, const char *filter, struct err *e)
{
	struct bpf_program program;
	bool ok;

	if (!filter)
		return true;
	if (pcap_compile(i->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0)
		return err_set(e, "filter \"%s\" does not compile for %s: %s; see pcap-filter(7)", filter, i->name,
			       pcap_geterr(i->pcap));
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
	return err_set(e, "%s: link type %d (%s) is not supported; capture where there is Ethernet or IP", i->name, type,
		       name ? name : "unknown");
}

static bool open_interface(struct interface *i, const struct live_options *o, const char *name, struct err *e)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	int status;

	i->is_any = strcmp(name, "any") == 0;
	if (strlen(name) >= sizeof(i->name) || (!i->is_any && index_of(i->live->ask, name) == 0))
		return no_such_interface(name, e);
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
	i->index = index_of(i->live->ask, name);
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
	       err_set(e, "%s: its packets cannot be shared among rings: %s; try without --workers", l->interfaces[first].name,
		       strerror(errno));
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
		return err_set(e, "%zu interfaces with %u rings each are too many; %d rings at most: fewer --workers", o->n_interfaces,
			       o->rings, LIVE_INTERFACES_MAX);
	for (size_t i = 0; i < o->n_interfaces; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(o->interfaces[i], o->interfaces[j]) == 0)
				return err_set(e, "%s: is given twice; every packet would count double", o->interfaces[i]);
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
	l->bytes = malloc(BATCH_BYTES);
	l->ask = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!l->bytes || l->ask < 0 || !join_names(l, o) || (o->n_interfaces > 1 && o->rings == 0 && !live_merge_init(&l->merge))) {
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

/* ---- frames ---- */

static void hand_over_batch(struct live *l)
{
	if (l->n_batch > 0)
		l->hand_over(l->user, l->batch, l->n_batch);
	l->n_batch = l->batch_bytes = 0;
}

static void add_to_batch(struct live *l, const struct frame *f)
{
	uint8_t *copy;

	if (l->n_batch == BATCH || f->captured > BATCH_BYTES - l->batch_bytes)
		hand_over_batch(l);
	if (f->captured > BATCH_BYTES)	/* no snap length allows that */
		return;
	copy = l->bytes + l->batch_bytes;
	memcpy(copy, f->data, f->captured);
	l->batch_bytes += f->captured;
	l->batch[l->n_batch] = *f;
	l->batch[l->n_batch].data = copy;
	l->batch[l->n_batch++].number = ++l->frames;
}

/* Hand over what was held since before `until`. */
static void release(struct live *l, nsec until)
{
	while (live_merge_due(&l->merge, until)) {
		struct frame f = live_merge_take(&l->merge);

		add_to_batch(l, &f);
	}
}

static struct frame frame_of(const struct interface *i, const struct pcap_pkthdr *h, const uint8_t *data)
{
	return (struct frame){
		.at = h->ts.tv_sec * NSEC_PER_S + h->ts.tv_usec * (i->nanoseconds ? 1 : 1000),
		.capture = i->live->capture, .captured = h->caplen, .length = h->len, .link_type = i->link_type, .data = data,
	};
}

static void on_packet(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct interface *i = (struct interface *)(void *)user;
	struct live *l = i->live;
	struct frame f = frame_of(i, h, data);

	if (l->n == 1) {
		add_to_batch(l, &f);
		return;
	}
	release(l, INT64_MIN);	/* only when there is no room */
	live_merge_hold(&l->merge, &f, monotonic());
}

bool live_take(struct live *l, live_frames_fn *frames, void *user)
{
	bool drained = true;

	l->hand_over = frames;
	l->user = user;
	for (size_t k = 0; k < l->n; k++) {
		struct interface *i = &l->interfaces[k];
		int n;

		if (i->gone)
			continue;
		n = pcap_dispatch(i->pcap, DISPATCH, on_packet, (u_char *)i);
		drained = drained && n <= 0;
		if (n < 0)
			i->gone = true;	/* live_news() tells, and tries again */
	}
	if (l->n > 1)
		release(l, monotonic() - LIVE_MERGE_MS * NSEC_PER_MS);
	hand_over_batch(l);
	return drained && l->merge.n == 0;
}

void live_take_rest(struct live *l, live_frames_fn *frames, void *user)
{
	live_take(l, frames, user);
	release(l, INT64_MAX);
	hand_over_batch(l);
}

/* ---- rings that are read by threads of their own ---- */

size_t live_rings(const struct live *l)
{
	return l->n;
}

int live_ring_descriptor(const struct live *l, size_t ring)
{
	return pcap_get_selectable_fd(l->interfaces[ring].pcap);
}

struct ring_call {
	struct interface *interface;
	struct live_room *room;
	nsec from;
};

/* What lay in the ring before it was joined is soon gone; then the clock may be set back. */
static nsec counts_from(struct interface *i)
{
	nsec now = monotonic();

	if (i->begun == NSEC_NONE)
		i->begun = now;
	return now < i->begun + JOINED_S * NSEC_PER_S ? i->live->from : NSEC_NONE;
}

static void to_room(u_char *user, const struct pcap_pkthdr *h, const u_char *data)
{
	struct ring_call *c = (struct ring_call *)(void *)user;
	struct live_room *r = c->room;
	struct frame f = frame_of(c->interface, h, r->bytes + r->used);

	if (f.at < c->from || f.captured > LIVE_FRAME_BYTES)
		return;
	memcpy(r->bytes + r->used, data, f.captured);
	r->used += f.captured;
	r->frames[r->n++] = f;
	if (r->size - r->used < LIVE_FRAME_BYTES)	/* the next might not fit */
		pcap_breakloop(c->interface->pcap);
}

bool live_ring_read(struct live *l, size_t ring, struct live_room *room)
{
	struct interface *i = &l->interfaces[ring];
	struct ring_call c = { .interface = i, .room = room, .from = counts_from(i) };
	int n = 0;

	assert(room->size >= LIVE_FRAME_BYTES);
	room->n = room->used = 0;
	pthread_mutex_lock(&i->lock);
	if (!i->gone)
		n = pcap_dispatch(i->pcap, (int)room->max, to_room, (u_char *)&c);
	if (n < 0 && n != PCAP_ERROR_BREAK)
		i->gone = true;		/* as in live_take() */
	pthread_mutex_unlock(&i->lock);
	return n > 0 || room->n > 0;
}

/* ---- what to wait for ---- */

size_t live_descriptors(const struct live *l, int ret[LIVE_INTERFACES_MAX])
{
	for (size_t i = 0; i < l->n; i++)
		ret[i] = l->interfaces[i].gone ? -1 : pcap_get_selectable_fd(l->interfaces[i].pcap);
	return l->n;
}

/* ---- what becomes of interfaces ---- */

/*
 * Bind the socket that libpcap has to the interface that has this name now.
 * Only opening a packet socket takes privilege, so that this works after they
 * were dropped; filter, ring and counters stay.
 */
static bool bind_again(struct interface *i, unsigned index)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)index,
	};
	struct packet_mreq promiscuous = { .mr_ifindex = (int)index, .mr_type = PACKET_MR_PROMISC };
	int fd = pcap_fileno(i->pcap), ignored;
	socklen_t size = sizeof(ignored);

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &ignored, &size);	/* "network is down" of before */
	if (i->live->rings > 1)		/* the kernel binds none that shares packets; one that was only down goes on */
		return index == i->index;
	if (bind(fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
		return false;
	if (i->promiscuous)
		setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof(promiscuous));
	i->index = index;
	return true;
}

/* Once more, at growing distances.  True when there is news. */
static bool look_for(struct interface *i, struct err *ret)
{
	nsec now = monotonic();
	unsigned index = i->is_any ? 0 : index_of(i->live->ask, i->name);

	if (now < i->retry_at || (index == 0 && !i->is_any))
		return false;
	if (bind_again(i, index)) {
		i->gone = i->told = i->down = false;
		i->retry_s = 0;
		i->retry_at = 0;
		err_set(ret, "%s: is back, capturing again", i->name);
		return true;
	}
	i->retry_s = i->retry_s == 0 ? 1 : i->retry_s < RETRY_MAX_S / 2 ? 2 * i->retry_s : RETRY_MAX_S;
	i->retry_at = now + i->retry_s * NSEC_PER_S;
	return false;
}

static bool news_of(struct live *l, struct interface *i, struct err *ret, bool *ret_sees)
{
	int flags;
	bool down;

	*ret_sees = i->told;
	if (i->told)
		return look_for(i, ret);
	if (!i->is_any && index_of(l->ask, i->name) != i->index) {
		i->gone = i->told = true;
		err_set(ret, l->rings > 1 ? "%s: has vanished; with --workers it is seen again only after a restart" :
			"%s: has vanished, waiting for it to come back; until then nothing is seen there", i->name);
		return true;
	}
	if (i->gone) {
		i->told = true;
		err_set(ret, "%s: cannot be read: %s; trying again", i->name, pcap_geterr(i->pcap));
		return true;
	}
	if (i->is_any)
		return false;
	flags = flags_of(l->ask, i->name);
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

bool live_sees(struct live *l)
{
	bool sees = false;

	for (size_t k = 0; k < l->n; k++) {
		struct interface *i = &l->interfaces[k];

		pthread_mutex_lock(&i->lock);
		sees |= !i->gone && !i->down;
		pthread_mutex_unlock(&i->lock);
	}
	return sees;
}

void live_counters(struct live *l, struct live_counters *ret)
{
	*ret = (struct live_counters){ 0 };
	for (size_t k = 0; k < l->n; k++) {
		struct interface *i = &l->interfaces[k];
		struct pcap_stat now;

		pthread_mutex_lock(&i->lock);
		if (pcap_stats(i->pcap, &now) == 0) {
			i->counters.received += now.ps_recv - i->before.ps_recv;	/* modulo 2^32 */
			i->counters.dropped += now.ps_drop - i->before.ps_drop;
			if (k % l->rings == 0)		/* each of its rings says the same */
				i->counters.interface_dropped += now.ps_ifdrop - i->before.ps_ifdrop;
			i->before = now;
		}
		pthread_mutex_unlock(&i->lock);
		ret->received += i->counters.received;
		ret->dropped += i->counters.dropped;
		ret->interface_dropped += i->counters.interface_dropped;
	}
}
