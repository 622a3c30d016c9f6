/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people give to a capture reader that is no pcap and no pcapng. */
#include "source_parts.h"

#include <ctype.h>

#define CONVERT "convert it: editcap -F pcap OLD NEW"
#define UNPACK "unpack it first"

struct signature {
	size_t offset;
	size_t length;
	const char *magic;
	const char *description;
};

/* Those of other capture formats are from Wireshark's wiretap/file_access.c. */
static const struct signature signatures[] = {
	{ 0, 4, "\x34\xcd\xb2\xa1", "it looks like Kuznetzov's modified pcap; " CONVERT },
	{ 0, 4, "\xa1\xb2\xcd\x34", "it looks like Kuznetzov's modified pcap; " CONVERT },
	{ 0, 4, "\xcd\x34\xb2\xa1", "it looks like Mesquita's modified pcap; " CONVERT },
	{ 0, 4, "\xa1\xb2\x34\xcd", "it looks like Mesquita's modified pcap; " CONVERT },
	{ 0, 4, "\x0a\x0d\x0d\x0a", "it looks like a pcapng whose section header is damaged" },
	{ 0, 8, "snoop\0\0\0", "it looks like Solaris snoop; " CONVERT },
	{ 0, 8, "btsnoop\0", "it looks like a Bluetooth trace, in which there is no IPsec" },
	{ 0, 4, "GMBU", "it looks like Microsoft Network Monitor 2; " CONVERT },
	{ 0, 4, "RTSS", "it looks like Microsoft Network Monitor 1; " CONVERT },
	{ 0, 4, "XCP\0", "it looks like NetXray or Sniffer for Windows; " CONVERT },
	{ 0, 17, "TRSNIFF data    \x1a", "it looks like Sniffer for DOS; " CONVERT },
	{ 0, 11, "iptrace 1.0", "it looks like AIX iptrace; " CONVERT },
	{ 0, 11, "iptrace 2.0", "it looks like AIX iptrace; " CONVERT },
	{ 0, 4, "\xaa\xaa\xaa\xaa", "it looks like 5View; " CONVERT },
	{ 0, 4, "PK\3\4", "it looks like a zip archive; " UNPACK },
	{ 0, 6, "7z\xbc\xaf\x27\x1c", "it looks like a 7-Zip archive; " UNPACK },
	{ 0, 4, "Rar!", "it looks like a RAR archive; " UNPACK },
	{ 257, 5, "ustar", "it looks like a tar archive; " UNPACK },
	{ 0, 2, "\x1f\x9d", "it looks like something packed with compress; " UNPACK },
	{ 0, 15, "SQLite format 3", "it looks like a SQLite database; a history is named by --db" },
	{ 0, 4, "\x7f""ELF", "it looks like a program" },
	{ 0, 4, "%PDF", "it looks like a PDF document" },
};

static bool is_text(const uint8_t *start, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!isprint(start[i]) && !isspace(start[i]) && start[i] < 0x80)
			return false;
	return true;
}

const char *foreign_file_description(const uint8_t *start, size_t length)
{
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++) {
		const struct signature *s = &signatures[i];

		if (length >= s->offset + s->length &&
		    memcmp(start + s->offset, s->magic, s->length) == 0)
			return s->description;
	}
	if (length < 4)
		return "it is shorter than any file header";
	if (is_text(start, length < 256 ? length : 256))
		return "it looks like a text file; captures are pcap or pcapng, as of tcpdump -w";
	return "its format is unknown; captures are pcap or pcapng, as of tcpdump -w";
}
