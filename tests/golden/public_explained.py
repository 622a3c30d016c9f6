# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the truth files of the public captures and sawatch differ and sawatch is right.

The truth was made with tshark, frame by frame.  Every entry names the frame or
the field and the reason; an entry that no longer applies fails the test.
"""

FIRST_FRAGMENT = ('the frame is the first fragment (MF set) of a datagram whose other fragments are not in the capture, and it '
                  'is itself cut by the snap length: no peer ever had this message (RFC 791 3.2; RFC 7296 2: one message, one '
                  'datagram). It is counted under fragments. ')

# (capture, frame): tshark shows an IKE message, sawatch rightly counts none.
NOT_IKE = {
    ('td-ikev1_id_ipv6_addr_subnet-oobr', 1): FIRST_FRAGMENT + 'ISAKMP length 0xff000000, 32,808 bytes of IP, 90 captured.',
    ('td-isakmp-ikev1_n_print-oobr', 1): FIRST_FRAGMENT + 'ISAKMP length 0xff000000.',
    ('td-isakmp-ikev1_n_print-oobr', 3): FIRST_FRAGMENT + 'ISAKMP length 0x25000000.',
    ('td-isakmp-various-oobr', 1): FIRST_FRAGMENT + 'Frame 2 has its IP ID but other addresses; ISAKMP length 0x7f000000.',
    ('td-isakmpv1-attr-oobr', 1): FIRST_FRAGMENT + 'An IP option runs past the header.',
    ('td-isakmp-delete-segfault', 1): 'major version 11 (octet 17 is 0xbe): neither IKEv1 (RFC 2408 3.1) nor IKEv2 (RFC 7296 '
                                      '3.1); counted as malformed.',
}

# (capture, frame): sawatch counts the message, but there is no SA it could belong to.
NO_SA = {
    ('td-ikev2-id-normal', 1): 'initiator SPI 0, which RFC 7296 3.1 forbids: no SA has it.',
    ('td-ikev2-id-short', 1): 'initiator SPI 0, which RFC 7296 3.1 forbids: no SA has it.',
    ('td-isakmp-no-none-np', 1): 'both cookies 0, and RFC 2408 2.5.3 has the initiator choose one: no SA has it.',
    ('td-isakmp-pointer-loop', 1): 'both cookies 0: no SA has it.',
}

# (capture, frame): tshark does not take it for IKE, sawatch does: what it is, and why.
ALSO_IKE = {
    ('spicy-ikev1-zero-length', 1): (
        {'frame': 1, 'src': '192.168.12.1', 'dst': '192.168.12.2', 'spi_i': 'e47a591fd057587f', 'spi_r': '0' * 16,
         'version': '1.0', 'exchange': 2, 'flags': '0x00', 'msg_id': '0x00000000'},
        'a whole IKEv1 main mode request on port 500 (tcpdump prints its proposal) whose ISAKMP length is 0; tshark gives up '
        'at a length below 28. Counted, and counted as malformed.'),
    ('td-isakmp-pointer-loop', 1): (
        {'frame': 1, 'src': '129.170.249.126', 'dst': '129.170.249.87', 'spi_i': '0' * 16, 'spi_r': '0' * 16,
         'version': '1.0', 'exchange': 1, 'flags': '0x00', 'msg_id': '0x00000000'},
        'an IKEv1 header on port 500 (tcpdump prints it) whose ISAKMP length is 0; tshark gives up at a length below 28. '
        'Counted, and counted as malformed.'),
}

# (capture, SA as the truth file writes it): packets that are no traffic of an SA.
NOT_AN_SA = {
    ('sv-ipv6-ah-flood', 'ah 00000000 2001:db8:1::2 > 2001:db8:1::1'):
        'SPI 0 must not be sent on the wire (RFC 4302 2.4): no SA has it. All 35,690 are counted as malformed.',
    ('zeek-ipv6-zero-len-ah', 'ah 00000000 2000:1300::1 > 2000:1300::2'):
        'payload length 0 makes the AH header 8 bytes, less than its fixed 12 (RFC 4302 2.2): what tshark shows as the '
        'sequence number is the ICMPv6 header. And SPI 0. Counted as malformed.',
    ('td-esp_truncated', 'esp c0f7d4c3 0.254.92.182 > 255.127.255.121'):
        'frame 1 is the first fragment of a datagram that never became whole, cut after 4 of the 8 bytes of the ESP header '
        '(RFC 4303 2): there is no sequence number to count a packet by. Counted under fragments.',
}

GROUP = ('manually keyed OSPFv3 (RFC 4552): one SPI and one sequence of a sender for ff02::5 and its neighbour. What is missing to one '
         'destination went to the other: over both, every number came once.')

# (capture, field): (sawatch's value, why it is right)
FIELDS = {
    ('td-OSPFv3_with_AH', 'ah 00000100 fe80::1 > ff02::5: lost'): (None, GROUP),
    ('td-OSPFv3_with_AH', 'ah 00000100 fe80::2 > ff02::5: lost'): (None, GROUP),
    ('td-OSPFv3_with_AH', 'ah 00000100 fe80::1 > fe80::2: lost'): (None, GROUP),
    ('td-OSPFv3_with_AH', 'ah 00000100 fe80::2 > fe80::1: lost'): (None, GROUP),
    ('encap-ipv6-atomic-frag', 'ip_fragments'):
        (0, 'frames 13, 15, 16, 20, 21 are atomic fragments (offset 0, no more to come): whole packets with a fragment header, '
            'not fragments (RFC 6946 4, RFC 8200 4.5).'),
    ('oswan-lp08-parentR1notify', 'spi_pairs'):
        ([('0001020304050607', 'debc583a8f40d0cf')] * 2,
         'frames 1 and 2, both refusals of an IKE_SA_INIT with the same (test) SPIs, are a day apart by their times: two '
         'attempts, and a half-open SA of the day before is long gone.'),
    ('td-ikev2pI2', 'spi_pairs'):
        ([('0001020304050607', '0000000000000000'), ('0001020304050607', 'c02e7a3031a03188')],
         'frame 2 (IKE_AUTH) comes a day after frame 1 (IKE_SA_INIT) by their times: the half-open SA of the day before is '
         'long gone.'),
}
