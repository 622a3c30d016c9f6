/* SPDX-License-Identifier: GPL-3.0-or-later */
/* BPF expressions: what the monitor takes from an interface, and the user's wish and-ed to it. */
#ifndef SAWATCH_CLI_FILTER_H
#define SAWATCH_CLI_FILTER_H

/*
 * The built-in coarse filter.  No vlan, mpls or pppoes keyword: they shift every
 * offset to their right, and lose frames (TECH-NOTES 2.2); what is inside is
 * found in user space.
 */
extern const char filter_builtin[];

/* "(a) and (b)", or the one that is not NULL or empty; allocated, NULL when both are. */
char *filter_and(const char *a, const char *b);

#endif
