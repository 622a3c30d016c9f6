/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is known about the capture itself (DETECTION-FACTS 3.1, 4.5): the tunnel is
 * not to blame for these, but what is said about it rests on them.
 */
#include "report/why.h"

const struct why_line why_capture[] = {
	{ "capture_loss", NULL, WHY_HEAD, NULL,
	  "The capture is not complete: packets that were sent are missing in it." },
	{ "capture_loss", NULL, WHY_LOOK, NULL,
	  "Look at the capture (mirror port, capture host), not at a tunnel." },
	{ "capture_loss", NULL, WHY_FOR, NULL, "Packets are missing in independent streams at "
	  "the same moments, or the capturer counted its own drops." },
	{ "capture_loss", NULL, WHY_AGAINST, NULL,
	  "A link that really drops packets of all tunnels at once looks the same." },
	{ "capture_loss", NULL, WHY_CONFIRM, NULL, "The counters of the mirror port or of the "
	  "capture host (dropped by kernel, by interface) rise." },
	{ "capture_loss", NULL, WHY_REFUTE, NULL, "A second capture at the same place misses "
	  "the same packets: then the network lost them." },
	{ "mirror_duplicates", NULL, WHY_HEAD, NULL, "The mirror delivers packets twice. "
	  "sawatch counts each once; nothing is wrong with the tunnels." },
	{ "mirror_duplicates", NULL, WHY_LOOK, NULL, "Look at the mirror session: "
	  "it copies both the incoming and the outgoing side, or two ports on the same way." },
	{ "mirror_duplicates", NULL, WHY_CONFIRM, NULL,
	  "With one direction per port mirrored the copies vanish." },
	{ "mirror_duplicates", NULL, WHY_REFUTE, NULL,
	  "A capture on the gateway itself shows the copies too: then the network loops." },
	{ "one_sided_capture", NULL, WHY_HEAD, NULL,
	  "The capture sees one direction only: what {unseen_sender} sends is not in it." },
	{ "one_sided_capture", NULL, WHY_LOOK, NULL,
	  "Look at the mirror or tap, or at routing: the other direction goes another way." },
	{ "one_sided_capture", NULL, WHY_FOR, "messages_proven_unseen",
	  "{messages_proven_unseen} answers must exist, because the conversation went on, "
	  "and none of them was captured." },
	{ "one_sided_capture", NULL, WHY_CONFIRM, NULL,
	  "A capture on a port that carries both directions shows them." },
	{ "one_sided_capture", NULL, WHY_REFUTE, NULL,
	  "Packets of {unseen_sender} appear in this capture." },
	{ "clock_jump", NULL, WHY_HEAD, NULL, "The clock of the capture was set while it ran: "
	  "times before and after do not fit together." },
	{ "clock_jump", NULL, WHY_LOOK, NULL,
	  "Look at the clock of the capture host (NTP), not at a tunnel." },
	{ "clock_jump", NULL, WHY_CONFIRM, NULL,
	  "The system log of the capture host shows a time step." },
	{ "clock_jump", NULL, WHY_REFUTE, NULL,
	  "The capture was merged from several files out of order." },
	{ NULL, NULL, WHY_HEAD, NULL, NULL },
};
