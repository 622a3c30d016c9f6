/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every file of a corpus folder through a fuzz target, where there is no libFuzzer. */
#include <dirent.h>
#include <errno.h>

#include "property.h"

int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

static int replay_file(const char *path)
{
	FILE *in = fopen(path, "rb");
	long size = -1;

	if (in && fseek(in, 0, SEEK_END) == 0)
		size = ftell(in);
	if (size < 0 || fseek(in, 0, SEEK_SET) != 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		if (in)
			fclose(in);
		return 1;
	}

	uint8_t *data = malloc((size_t)size + (size == 0));

	MUST(data);

	size_t got = fread(data, 1, (size_t)size, in);

	fclose(in);
	MUST(got == (size_t)size);
	fprintf(stderr, "%s\n", path);	/* the last line names the culprit */
	LLVMFuzzerTestOneInput(data, got);
	free(data);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned files = 0;
	struct dirent *entry;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}

	char *folder = argv[1];
	DIR *dir = opendir(folder);

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	if (!dir) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir))) {
		char path[4096];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (replay_file(path) != 0)
			return 1;
		files++;
	}
	closedir(dir);
	fprintf(stderr, "%u files replayed\n", files);
	return files > 0 ? 0 : 1;	/* an empty corpus proves nothing */
}
