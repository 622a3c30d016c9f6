/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel knows of an interface by its name.  `ask` is any socket; a sandbox allows no new
 * one.
 */
#ifndef SAWATCH_CAPTURE_INTERFACE_NAMES_H
#define SAWATCH_CAPTURE_INTERFACE_NAMES_H

#include <stdbool.h>

#include <sawatch/err.h>

int interface_flags(int ask, const char *name);		/* IFF_UP and others; -1: there is none */
unsigned interface_index(int ask, const char *name);	/* 0: there is none */
/* How it is called, IFNAMSIZ bytes; false: there is none. */
bool interface_name(int ask, unsigned index, char *ret);

/* False; `e` names the interfaces there are. */
bool interface_missing(const char *name, struct err *e);

#endif
