/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Capture files of any content, mapped and read, give the same frames. Links sawatch_capture. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sawatch/source.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A number made of every byte and field of every frame. */
static uint64_t read_all(const char *path, const char *filter, bool no_mmap)
{
	struct source_options o = { .filter = filter, .no_mmap = no_mmap };
	struct frame f[7];
	struct source *s;
	struct err e;
	uint64_t sum = 0;
	int n;

	if (!source_open(&s, path, &o, &e))
		return 0;
	while ((n = source_read(s, f, 7, &e)) > 0)
		for (int i = 0; i < n; i++) {
			sum = sum * 31 + f[i].number + (uint64_t)f[i].at + f[i].length;
			for (uint32_t k = 0; k < f[i].captured; k++)
				sum = sum * 31 + f[i].data[k];
		}
	source_close(s);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };	/* or it is not mapped */
	int fd = memfd_create("capture", 0);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size || futimens(fd, old) != 0)
		abort();

	uint64_t told = read_all(path, NULL, false);

	assert(told == read_all(path, NULL, true));
	if (told != 0)
		assert(read_all(path, "udp or ip6", false) == read_all(path, "udp or ip6", true));
	close(fd);
	return 0;
}
