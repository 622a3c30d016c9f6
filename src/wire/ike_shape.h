/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Recognising IKE where no port number vouches for it. */
#ifndef SAWATCH_WIRE_IKE_SHAPE_H
#define SAWATCH_WIRE_IKE_SHAPE_H

#include <sawatch/reader.h>

/*
 * True when `r` holds exactly one message with an IKE header of a version and
 * an exchange that exist, an initiator's SPI, and the length of what is there:
 * so that ordinary traffic is never taken for it.  RFC 7296 3.1, RFC 2408 3.1.
 */
bool ike_shaped(struct reader r);

#endif
