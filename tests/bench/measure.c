/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * measure REPORT PROGRAM [ARGUMENT…]: runs it and writes wall seconds, CPU
 * seconds and peak KiB to REPORT.  A small parent of its own, because Linux
 * counts the parent's memory at fork into the child's peak.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
	struct timespec start, end;
	struct rusage usage;
	int status;

	if (argc < 3) {
		fprintf(stderr, "usage: %s REPORT PROGRAM [ARGUMENT...]\n", argv[0]);
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);

	pid_t child = fork();

	if (child == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child) {
		perror("measure");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);

	FILE *report = fopen(argv[1], "w");

	if (report == NULL) {
		perror(argv[1]);
		return 1;
	}
	fprintf(report, "%.6f %.6f %ld\n",
		(double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9,
		seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
	fclose(report);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
