/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_captures.h"

#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <capture/stream.h>

enum { N_FRAMES = 400 };

/* The same frames in eight formats. */
enum { N_FORMATS = 8 };

static void make(struct made *m, int format)
{
	static const int resolutions[] = { -1, 9, 0x80 | 20 };

	if (format < 4)
		made_pcap(m, N_FRAMES, format & 1, format & 2);
	else
		made_pcapng(m, N_FRAMES, format & 1, resolutions[format % 3],
			    format & 2 ? 86400 : 0);
}

struct packer {
	const char *name;	/* as source_info tells it; NULL: not packed */
	const char *tool;	/* reads standard input, writes standard output */
};

static const struct packer packers[] = {
	{ NULL, "cat" }, { "gzip", "gzip -c" }, { "zstd", "zstd -qc" }, { "xz", "xz -c" },
	{ "bzip2", "bzip2 -c" }, { "lz4", "lz4 -qcB4" },
};
enum { N_PACKERS = sizeof(packers) / sizeof(packers[0]) };

static bool tool_is_there(const struct packer *p)
{
	char command[128];

	snprintf(command, sizeof(command), "%s </dev/null >/dev/null 2>&1", p->tool);
	if (system(command) == 0)
		return true;
	print_message("skipped: no %s\n", p->tool);
	return false;
}

static const char *pack(const struct packer *p, const char *path)
{
	const char *packed = made_path("packed");
	char command[1024];

	snprintf(command, sizeof(command), "%s <'%s' >'%s'", p->tool, path, packed);
	assert_int_equal(system(command), 0);
	made_settled(packed);
	return packed;
}

/* A child that writes a file's bytes into a descriptor, in pieces that fit no record. */
static pid_t writer(const char *path, const char *fifo, int fd)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child > 0)
		return child;

	FILE *f = fopen(path, "r");
	uint8_t piece[997];
	size_t n;

	if (fifo)
		fd = open(fifo, O_WRONLY);
	while (f && (n = fread(piece, 1, sizeof(piece), f)) > 0)
		if (write(fd, piece, n) != (ssize_t)n)
			_exit(1);
	_exit(0);
}

static void finish(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void all_frames(struct source *s, size_t batch)
{
	size_t frames;
	struct err e = { "" };

	if (read_standard(s, batch, &frames, &e) != 0)
		fail_msg("%s", e.text);
	assert_int_equal(frames, N_FRAMES);
}

static void check_info(const struct source *s, const struct packer *p, const char *fingerprint,
		       int64_t size)
{
	struct source_info info;

	source_info(s, &info);
	if (p->name)
		assert_string_equal(info.compression, p->name);
	else
		assert_null(info.compression);
	assert_string_equal(info.fingerprint, fingerprint);
	assert_int_equal(info.size_bytes, size);
	assert_int_equal(info.first_at, made_at(0));
	assert_int_equal(info.frames, N_FRAMES);
	if (size >= 0)
		assert_int_equal(info.read_bytes, size);
}

/* Half the SHA-256 of the first 4 KiB, by another program. */
static void fingerprint_of(const char *path, char ret[33])
{
	char command[512];

	snprintf(command, sizeof(command), "head -c 4096 '%s' | sha256sum", path);
	FILE *f = popen(command, "r");

	assert_non_null(f);
	assert_int_equal(fread(ret, 1, 32, f), 32);
	ret[32] = '\0';
	pclose(f);
}

static void through_fifo(const char *path, const struct packer *p, const char *fingerprint)
{
	const char *fifo = made_path("fifo");

	unlink(fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	pid_t child = writer(path, fifo, -1);
	struct source *s = opened(fifo, NULL);

	all_frames(s, 13);
	check_info(s, p, fingerprint, -1);
	source_close(s);
	finish(child);
}

static void through_standard_input(const char *path, const struct packer *p,
				   const char *fingerprint)
{
	int pipe_ends[2], kept = dup(STDIN_FILENO);
	struct source_info info;

	assert_int_equal(pipe(pipe_ends), 0);
	pid_t child = writer(path, NULL, pipe_ends[1]);

	close(pipe_ends[1]);
	dup2(pipe_ends[0], STDIN_FILENO);
	close(pipe_ends[0]);
	struct source *s = opened("-", NULL);

	all_frames(s, 64);
	check_info(s, p, fingerprint, -1);
	source_info(s, &info);
	assert_string_equal(info.name, "-");
	source_close(s);
	finish(child);
	assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
	close(kept);
}

static void all_ways(const struct packer *p, const char *path, const char *fingerprint)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	for (int no_mmap = 0; no_mmap <= 1; no_mmap++) {
		struct source *s = opened(path, &(struct source_options){ .no_mmap = no_mmap });

		all_frames(s, no_mmap ? 64 : 1);
		check_info(s, p, fingerprint, st.st_size);
		source_close(s);
	}
	through_fifo(path, p, fingerprint);
	through_standard_input(path, p, fingerprint);
}

static void every_packing_and_way_gives_the_same_frames(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_PACKERS; i++) {
		if (!tool_is_there(&packers[i]))
			continue;
		for (int format = 0; format < N_FORMATS; format++) {
			struct made m = { 0 };
			char fingerprint[33];

			make(&m, format);
			assert_true(m.length > 65536);
			const char *plain = made_file("plain", m.data, m.length);

			fingerprint_of(plain, fingerprint);
			all_ways(&packers[i], pack(&packers[i], plain), fingerprint);
			made_free(&m);
		}
	}
}

static void packed_twice_is_unpacked_twice(void **state)
{
	struct made m = { 0 };
	char command[512];
	size_t frames;

	(void)state;
	made_pcap(&m, 20, false, false);
	const char *plain = made_file("plain", m.data, m.length), *packed = made_path("packed");

	/* Two members one after the other are one file too, RFC 1952 2.2. */
	snprintf(command, sizeof(command),
		 "(head -c 50 '%s' | gzip -c; tail -c +51 '%s' | gzip -c) | gzip -c >'%s'",
		 plain, plain, packed);
	assert_int_equal(system(command), 0);
	assert_int_equal(read_file(packed, false, &frames, NULL), 0);
	assert_int_equal(frames, 20);
	made_free(&m);
}

static void a_packed_file_that_is_cut_gives_the_frames_before(void **state)
{
	struct made m = { 0 };

	(void)state;
	made_pcap(&m, N_FRAMES, false, false);
	for (size_t i = 1; i < N_PACKERS; i++) {
		struct stat st;
		struct err e = { "" };
		size_t frames;

		if (!tool_is_there(&packers[i]))
			continue;
		const char *packed = pack(&packers[i], made_file("plain", m.data, m.length));

		assert_int_equal(stat(packed, &st), 0);
		assert_int_equal(truncate(packed, st.st_size - 9), 0);
		made_settled(packed);
		assert_int_equal(read_file(packed, false, &frames, &e), -1);
		assert_in_range(frames, 0, N_FRAMES);
		assert_non_null(strstr(e.text, "packed: "));
		assert_non_null(strstr(e.text, " of the unpacked data, in frame "));
		assert_non_null(strstr(e.text, "cannot be decompressed: "));
	}
	made_free(&m);
}

static void a_small_packed_file_that_is_cut_says_what_can_be_had_of_it(void **state)
{
	static const struct {
		const char *packer, *remedy;
	} remedies[] = {
		{ "zstd", "is there a whole copy?" }, { "lz4", "is there a whole copy?" },
		{ "bzip2", "is there a whole copy?" }, { "xz", "xz -dc gives up to 64 KiB more" },
	};
	struct made m = { 0 };

	(void)state;
	made_pcap(&m, 20, false, false);
	for (size_t i = 1; i < N_PACKERS; i++)
		for (size_t k = 0; k < sizeof(remedies) / sizeof(remedies[0]); k++) {
			struct stat st;
			struct err e = { "" };
			struct source *source;
			struct source_options o = { 0 };

			if (strcmp(packers[i].name, remedies[k].packer) != 0 ||
			    !tool_is_there(&packers[i]))
				continue;
			const char *plain = made_file("plain", m.data, m.length);
			const char *packed = pack(&packers[i], plain);

			assert_int_equal(stat(packed, &st), 0);
			assert_int_equal(truncate(packed, st.st_size / 2), 0);
			made_settled(packed);
			assert_false(source_open(&source, packed, &o, &e));
			assert_non_null(strstr(e.text, "cannot be decompressed: it is truncated"));
			assert_non_null(strstr(e.text, remedies[k].remedy));
		}
	made_free(&m);
}

static void frames_come_as_soon_as_the_writer_of_a_fifo_has_sent_them(void **state)
{
	struct made m = { 0 };
	int data[2];
	char name[64];

	(void)state;
	made_pcap(&m, 4, false, false);
	assert_int_equal(pipe(data), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", data[0]);
	/* Two records and a part of the third; the writer stays open. */
	size_t sent = m.borders[2] + 20;

	assert_int_equal(write(data[1], m.data, sent), sent);
	alarm(20);	/* a reader that waits for more is killed */
	struct source *s = opened(name, NULL);
	struct frame f[4];

	assert_int_equal(source_read(s, f, 4, NULL), 2);
	assert_int_equal(f[1].number, 2);
	assert_int_equal(write(data[1], m.data + sent, m.length - sent), m.length - sent);
	assert_int_equal(source_read(s, f, 4, NULL), 2);
	assert_int_equal(f[1].number, 4);
	assert_int_equal(f[1].captured, made_captured(3));
	assert_memory_equal(f[1].data, made_data(3), made_captured(3));
	close(data[1]);
	assert_int_equal(source_read(s, f, 4, NULL), 0);
	alarm(0);
	source_close(s);
	close(data[0]);
	made_free(&m);
}

static volatile sig_atomic_t stop;

static void set_stop(int number)
{
	(void)number;
	stop = 1;
}

static void a_signal_ends_the_wait_for_a_writer(void **state)
{
	struct made m = { 0 };
	struct sigaction action = { .sa_handler = set_stop }, before;
	struct timeval tenth = { .tv_usec = 100000 };
	struct itimerval soon = { .it_interval = tenth, .it_value = tenth };
	struct itimerval never = { 0 };
	int data[2];
	char name[64];

	(void)state;
	made_pcap(&m, 4, false, false);
	assert_int_equal(pipe(data), 0);
	snprintf(name, sizeof(name), "/dev/fd/%d", data[0]);
	assert_int_equal(write(data[1], m.data, m.length - 3), m.length - 3);
	stop = 0;
	struct source *s = opened(name, &(struct source_options){ .stop = &stop });
	struct frame f[4];

	assert_int_equal(source_read(s, f, 4, NULL), 3);
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &soon, NULL);
	/* The fourth record is not complete, but that is not the capture's fault. */
	assert_int_equal(source_read(s, f, 4, NULL), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &before, NULL);
	assert_int_equal(stop, 1);
	source_close(s);
	close(data[0]);
	close(data[1]);
	made_free(&m);
}

static void a_signal_ends_the_wait_for_the_first_bytes(void **state)
{
	struct sigaction action = { .sa_handler = set_stop }, before;
	struct timeval tenth = { .tv_usec = 100000 };
	struct itimerval soon = { .it_interval = tenth, .it_value = tenth };
	struct itimerval never = { 0 };
	static const char header[] = "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0";
	int data[2];
	char name[64];

	(void)state;
	for (int sent = 0; sent <= 20; sent += 10) {
		assert_int_equal(pipe(data), 0);
		snprintf(name, sizeof(name), "/dev/fd/%d", data[0]);
		assert_int_equal(write(data[1], header, (size_t)sent), sent);
		stop = 0;
		sigaction(SIGALRM, &action, &before);
		setitimer(ITIMER_REAL, &soon, NULL);
		refused(name, &(struct source_options){ .stop = &stop }, name, "interrupted", NULL);
		setitimer(ITIMER_REAL, &never, NULL);
		sigaction(SIGALRM, &before, NULL);
		close(data[0]);
		close(data[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packing_and_way_gives_the_same_frames),
		cmocka_unit_test(packed_twice_is_unpacked_twice),
		cmocka_unit_test(a_packed_file_that_is_cut_gives_the_frames_before),
		cmocka_unit_test(a_small_packed_file_that_is_cut_says_what_can_be_had_of_it),
		cmocka_unit_test(frames_come_as_soon_as_the_writer_of_a_fifo_has_sent_them),
		cmocka_unit_test(a_signal_ends_the_wait_for_a_writer),
		cmocka_unit_test(a_signal_ends_the_wait_for_the_first_bytes),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
