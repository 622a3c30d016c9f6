/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "frame_filter.h"

#include <pcap.h>
#include <stdio.h>
#include <stdlib.h>

#include <sawatch/source.h>

enum { FILTER_SNAP_LENGTH = 262144 };	/* what an accepting filter returns; must not be 0 */

struct frame_filter {
	struct frame_filter *next;
	uint16_t link_type;
	bool swapped;
	struct bpf_program program;
};

/* The header of a classic pcap file. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap_length, link_type;
};

/*
 * A pcap_t without packets, as if a file with this link type had been opened.
 * Against pcap_open_dead() this leaves the mapping of LINKTYPE_ to DLT_ to
 * libpcap, and tells it the byte order that BSD loopback headers are in.
 */
static pcap_t *empty_capture(uint16_t link_type, bool swapped, char *error)
{
	uint32_t type = link_type == LINK_RAW_BSD || link_type == LINK_RAW_OPENBSD ? LINK_RAW
										   : link_type;
	struct file_header header = { 0xa1b2c3d4, 2, 4, 0, 0, FILTER_SNAP_LENGTH, type };

	if (swapped) {
		header.magic = __builtin_bswap32(header.magic);
		header.major = __builtin_bswap16(header.major);
		header.minor = __builtin_bswap16(header.minor);
		header.snap_length = __builtin_bswap32(header.snap_length);
		header.link_type = __builtin_bswap32(header.link_type);
	}

	FILE *f = fmemopen(&header, sizeof(header), "r");

	if (!f) {
		snprintf(error, PCAP_ERRBUF_SIZE, "no memory");
		return NULL;
	}

	pcap_t *p = pcap_fopen_offline(f, error);

	if (!p)
		fclose(f);
	return p;
}

static bool compile(struct bpf_program *ret, const char *text, uint16_t link_type, bool swapped,
		    struct err *e)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	const char *name = link_type_name(link_type);
	pcap_t *p = empty_capture(link_type, swapped, error);

	if (!p)
		return err_set(e, "filter \"%s\": %s", text, error);

	bool ok = pcap_compile(p, ret, text, 1, PCAP_NETMASK_UNKNOWN) == 0;

	if (!ok)
		err_set(e, "filter \"%s\" does not compile for link type %u (%s): %s; "
			   "see pcap-filter(7)", text, link_type, name ? name : "unknown",
			pcap_geterr(p));
	pcap_close(p);
	return ok;
}

bool frame_filter_add(struct frame_filter **list, const char *text, uint16_t link_type,
		      bool swapped, struct err *e)
{
	struct frame_filter *f = calloc(1, sizeof(*f));

	if (!f)
		return err_set(e, "no memory");
	if (!compile(&f->program, text, link_type, swapped, e)) {
		free(f);
		return false;
	}
	f->next = *list;
	f->link_type = link_type;
	f->swapped = swapped;
	*list = f;
	return true;
}

const struct frame_filter *frame_filter_find(const struct frame_filter *list, uint16_t link_type,
					     bool swapped)
{
	for (; list; list = list->next)
		if (list->link_type == link_type && list->swapped == swapped)
			break;
	return list;
}

bool frame_filter_passes(const struct frame_filter *f, const uint8_t *data, uint32_t captured,
			 uint32_t length)
{
	struct pcap_pkthdr header = { .caplen = captured, .len = length };

	return pcap_offline_filter(&f->program, &header, data) != 0;
}

void frame_filter_free(struct frame_filter *list)
{
	while (list) {
		struct frame_filter *next = list->next;

		pcap_freecode(&list->program);
		free(list);
		list = next;
	}
}

/*
 * Some words exist for one link type only ("inbound" for LINUX_SLL), so that
 * one which likes the expression is enough; the complaint is that of Ethernet.
 */
bool source_filter_check(const char *filter, struct err *e)
{
	static const uint16_t types[] = { LINK_ETHERNET, LINK_LINUX_SLL, LINK_RAW, LINK_PPP };
	struct err first = { "" };

	if (!filter || filter[0] == '\0')
		return true;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct bpf_program program;

		if (compile(&program, filter, types[i], false, i == 0 ? &first : NULL)) {
			pcap_freecode(&program);
			return true;
		}
	}
	return err_set(e, "%s", first.text);
}
