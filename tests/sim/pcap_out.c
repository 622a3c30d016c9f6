/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pcap_out.h"

#include <string.h>

/* The fields are in the writer's byte order; the magic number tells the reader. */
struct file_header {
	uint32_t magic;
	uint16_t major, minor;
	uint32_t zone, accuracy, snap, link_type;
};

struct record_header {
	uint32_t seconds, fraction, captured, length;
};

bool sim_pcap_open(struct sim_pcap *p, const char *path, uint32_t dlt, bool ns, uint32_t snap)
{
	struct file_header h = {
		ns ? 0xa1b23c4d : 0xa1b2c3d4, 2, 4, 0, 0, snap ? snap : 262144, dlt
	};

	*p = (struct sim_pcap){ .ns = ns, .snap = h.snap };
	p->to = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
	if (p->to == NULL)
		return false;
	setvbuf(p->to, NULL, _IOFBF, 1 << 20);
	return fwrite(&h, sizeof h, 1, p->to) == 1;
}

void sim_pcap_write(struct sim_pcap *p, int64_t at_ns, const void *data, size_t have, size_t length)
{
	size_t kept = have > p->snap ? p->snap : have;
	uint32_t below = (uint32_t)(at_ns % 1000000000);
	struct record_header r = { (uint32_t)(at_ns / 1000000000), p->ns ? below : below / 1000,
				   (uint32_t)kept, (uint32_t)length };

	fwrite_unlocked(&r, sizeof r, 1, p->to);
	fwrite_unlocked(data, 1, kept, p->to);
	p->packets++;
	p->bytes += kept + sizeof r;
}

bool sim_pcap_close(struct sim_pcap *p)
{
	bool ok = !ferror(p->to);

	if (p->to == stdout)
		return fflush(stdout) == 0 && ok;
	return fclose(p->to) == 0 && ok;
}
