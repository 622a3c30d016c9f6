/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The yardstick of DESIGN 11: a bare pcap_loop that only counts packets. */
#include <pcap.h>
#include <stdio.h>

static void count(u_char *user, const struct pcap_pkthdr *h, const u_char *bytes)
{
	unsigned long *n = (unsigned long *)user;

	(void)h;
	(void)bytes;
	++*n;
}

int main(int argc, char **argv)
{
	char why[PCAP_ERRBUF_SIZE];
	unsigned long n = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 1;
	}

	pcap_t *p = pcap_open_offline(argv[1], why);

	if (p == NULL) {
		fprintf(stderr, "%s\n", why);
		return 2;
	}

	int status = pcap_loop(p, -1, count, (u_char *)&n);

	if (status < 0)
		fprintf(stderr, "%s: %s\n", argv[1], pcap_geterr(p));
	printf("%lu packets\n", n);
	pcap_close(p);
	return status < 0 ? 2 : 0;
}
