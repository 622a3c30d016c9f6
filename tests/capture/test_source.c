/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "made_captures.h"

#include <ftw.h>
#include <pcap.h>

static void what_is_not_there_is_said_in_one_line(void **state)
{
	(void)state;
	refused(made_path("nowhere.pcap"), NULL, "nowhere.pcap", "No such file", "check the name",
		NULL);
	refused(made_folder, NULL, made_folder, "is a directory", NULL);
	refused(made_file("empty.pcap", "", 0), NULL, "empty.pcap", "is empty", NULL);
}

static void an_unreadable_file_is_said_to_be_one(void **state)
{
	(void)state;
	const char *path = made_file("secret.pcap", "abcd", 4);
	bool root = geteuid() == 0;	/* may read everything: be nobody for once */

	assert_int_equal(chmod(path, 0), 0);
	assert_int_equal(chmod(made_folder, 0755), 0);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	refused(path, NULL, "secret.pcap", "Permission denied", "run as a user who may read it",
		NULL);
	if (root)
		assert_int_equal(seteuid(0), 0);
}

static void a_file_of_another_kind_is_called_by_its_name(void **state)
{
	static const struct {
		const char *start;
		size_t length;
		const char *said;
	} kinds[] = {
		{ "Dear support,\nplease find attached\n", 35, "text file" },
		{ "ab", 2, "shorter than any file header" },
		{ "snoop\0\0\0\0\0\0\2\0\0\0\4", 16, "Solaris snoop; convert it: editcap" },
		{ "GMBU\0\0\0\0", 8, "Microsoft Network Monitor 2" },
		{ "PK\3\4\0\0\0\0", 8, "zip archive; unpack it" },
		{ "SQLite format 3\0", 16, "SQLite database; a history is named by --db" },
		{ "\x34\xcd\xb2\xa1\2\0\4\0", 8, "Kuznetzov" },
		{ "\xa1\xb2\x34\xcd\0\2\0\4", 8, "Mesquita" },
		{ "\x0a\x0d\x0d\x0a\0\0\0\0\0\0\0\0", 12, "section header is damaged" },
		{ "\1\2\3\4\5\6\7\0", 8, "its format is unknown" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		refused(made_file("thing", kinds[i].start, kinds[i].length), NULL, "thing",
			"is not a capture", kinds[i].said, NULL);
}

static void a_packed_file_of_another_kind_is_called_packed(void **state)
{
	char command[512];

	(void)state;
	const char *path = made_path("letter.gz");

	snprintf(command, sizeof(command), "echo Dear support | gzip -c >'%s'", path);
	assert_int_equal(system(command), 0);
	refused(path, NULL, "letter.gz", "is not a capture packed with gzip", "text file", NULL);
	snprintf(command, sizeof(command), "gzip -c </dev/null >'%s'", path);
	assert_int_equal(system(command), 0);
	refused(path, NULL, "letter.gz", "is empty after decompression", NULL);
}

static void a_name_cannot_move_the_cursor(void **state)
{
	(void)state;
	refused("/tmp/\033[2Jno\nsuch", NULL, "\\x1b[2Jno\\x0asuch", NULL);
}

/* A packet as libpcap gives it. */
struct packet_read {
	struct pcap_pkthdr header;
	uint8_t *data;
};

static struct packet_read *all_of(pcap_t *p, size_t *ret_n, int *ret_end)
{
	struct packet_read *packets = NULL;
	struct pcap_pkthdr *header;
	const u_char *data;
	size_t n = 0;

	while ((*ret_end = pcap_next_ex(p, &header, &data)) == 1) {
		packets = realloc(packets, (n + 1) * sizeof(*packets));
		assert_non_null(packets);
		packets[n].header = *header;
		packets[n].data = malloc(header->caplen + 1);
		assert_non_null(packets[n].data);
		memcpy(packets[n++].data, data, header->caplen);
	}
	*ret_n = n;
	return packets;
}

static void is_the_packet(const struct frame *f, const struct packet_read *packet, int snap_length)
{
	const struct pcap_pkthdr *header = &packet->header;

	assert_int_equal(f->at, header->ts.tv_sec * NSEC_PER_S + header->ts.tv_usec);
	assert_int_equal(f->length, header->len > f->captured ? header->len : f->captured);
	/* libpcap shortens what is longer than the snap length; we keep it */
	assert_true(f->captured == header->caplen ||
		    (f->captured > header->caplen && (int)header->caplen == snap_length));
	assert_memory_equal(f->data, packet->data, header->caplen);
}

/*
 * Compare one file with libpcap, as far as that gets: every packet once, under
 * its number (our order is that of the times).  Returns how many were compared.
 */
static size_t same_as_libpcap(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *p =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, error);
	struct source *s;
	struct err e = { "" };
	struct frame f;
	size_t n, compared = 0;
	int got, end;

	if (!p)
		return 0;
	if (!source_open(&s, path, NULL, &e)) {
		if (!strstr(e.text, "link type "))
			fail_msg("%s", e.text);
		pcap_close(p);
		return 0;
	}

	struct packet_read *packets = all_of(p, &n, &end);

	while ((got = source_read(s, &f, 1, &e)) == 1) {
		if (f.number > n)
			continue;	/* libpcap gave up before */
		assert_non_null(packets[f.number - 1].data);
		is_the_packet(&f, &packets[f.number - 1], pcap_snapshot(p));
		free(packets[f.number - 1].data);
		packets[f.number - 1].data = NULL;
		compared++;
	}
	if (compared != n)
		fail_msg("%s: %zu of %zu packets: %s", path, compared, n, e.text);
	if (end == PCAP_ERROR_BREAK)
		assert_int_equal(got, 0);
	else if (strstr(pcap_geterr(p), "truncated"))
		assert_int_equal(got, -1);
	free(packets);
	source_close(s);
	pcap_close(p);
	return n;
}

static size_t n_compared, n_files;

static int compare(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	(void)st;
	(void)walk;
	if (type == FTW_F) {
		size_t n = same_as_libpcap(path);

		n_compared += n;
		n_files += n > 0;
	}
	return 0;
}

static void real_captures_are_read_as_libpcap_reads_them(void **state)
{
	const char *folder = TEST_SOURCE_DIR "/../shared/captures";

	(void)state;
	if (access(folder, R_OK) != 0) {
		print_message("skipped: no folder of captures\n");
		skip();
	}
	assert_int_equal(nftw(folder, compare, 16, 0), 0);
	print_message("%zu frames of %zu files compared\n", n_compared, n_files);
	assert_true(n_files > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_there_is_said_in_one_line),
		cmocka_unit_test(an_unreadable_file_is_said_to_be_one),
		cmocka_unit_test(a_file_of_another_kind_is_called_by_its_name),
		cmocka_unit_test(a_packed_file_of_another_kind_is_called_packed),
		cmocka_unit_test(a_name_cannot_move_the_cursor),
		cmocka_unit_test(real_captures_are_read_as_libpcap_reads_them),
	};

	return cmocka_run_group_tests(tests, made_folder_create, made_folder_remove);
}
