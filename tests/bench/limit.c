/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a program must spend at least that knows every ESP SA of a capture: the
 * file mapped, each record's headers read, one update in a hash table, found by
 * a keyless hash.  It knows Ethernet, IPv4, ESP and UDP 4500 in pcap files of
 * this machine's byte order, believes every length, and says no more than how
 * many SAs and packets there were: a yardstick, not a tool.  An SA beyond what
 * half of the table holds, or without a place near its own, is not kept.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_HEADER = 24, RECORD = 16, ETHERNET = 14, BATCH = 32, SLOTS = 1 << 22, PROBES = 64 };

struct slot {
	uint64_t addresses;
	uint32_t spi, seq;
	uint64_t packets, bytes;
};

struct seen {
	uint64_t addresses, hash;
	uint32_t spi, seq, bytes;
};

static uint32_t big32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return __builtin_bswap32(v);
}

static uint32_t host32(const uint8_t *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

/* True when the record is ESP. */
static int parse(const uint8_t *frame, uint32_t captured, struct seen *ret)
{
	const uint8_t *ip = frame + ETHERNET, *esp = ip + 20;

	if (captured < ETHERNET + 36 || frame[12] != 8 || ip[0] != 0x45)
		return 0;
	if (ip[9] == 17 && (esp[0] << 8 | esp[1]) == 4500)
		esp += 8;
	else if (ip[9] != 50)
		return 0;
	memcpy(&ret->addresses, ip + 12, sizeof(ret->addresses));
	ret->spi = big32(esp);
	ret->seq = big32(esp + 4);
	ret->bytes = (uint32_t)(ip[2] << 8 | ip[3]);
	ret->hash = (ret->addresses ^ ret->spi * UINT64_C(0x9e3779b97f4a7c15)) *
		    UINT64_C(0xff51afd7ed558ccd);
	ret->hash ^= ret->hash >> 32;
	return 1;
}

static void update(struct slot *table, const struct seen *s, uint64_t *sas)
{
	for (uint64_t i = 0; i < PROBES; i++) {
		struct slot *t = &table[(s->hash + i) % SLOTS];

		if (t->packets == 0) {
			if (*sas == SLOTS / 2)
				return;
			t->addresses = s->addresses;
			t->spi = s->spi;
			++*sas;
		} else if (t->addresses != s->addresses || t->spi != s->spi) {
			continue;
		}
		t->packets++;
		t->bytes += s->bytes;
		t->seq = s->seq;
		return;
	}
}

int main(int argc, char **argv)
{
	struct slot *table = calloc(SLOTS, sizeof(*table));
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1;
	struct stat st;
	uint64_t packets = 0, sas = 0;

	if (!table || fd < 0 || fstat(fd, &st) != 0 || st.st_size < FILE_HEADER) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 1;
	}

	size_t size = (size_t)st.st_size;
	const uint8_t *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0),
		      *at = map + FILE_HEADER;

	if (map == MAP_FAILED)
		return 2;
	while (at + RECORD <= map + size) {
		struct seen seen[BATCH];
		unsigned n = 0;

		for (; n < BATCH && at + RECORD <= map + size; packets++) {
			uint32_t captured = host32(at + 8);

			if (parse(at + RECORD, captured, &seen[n])) {
				__builtin_prefetch(&table[seen[n].hash % SLOTS], 1);
				n++;
			}
			__builtin_prefetch(at + 1024);
			at += RECORD + captured;
		}
		for (unsigned i = 0; i < n; i++)
			update(table, &seen[i], &sas);
	}
	printf("%llu packets, %llu ESP SAs\n", (unsigned long long)packets,
	       (unsigned long long)sas);
	close(fd);
	free(table);
	return 0;
}
