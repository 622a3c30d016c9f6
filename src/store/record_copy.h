/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A record with all it borrows, in one piece of memory that outlives the caller's. */
#ifndef SAWATCH_RECORD_COPY_H
#define SAWATCH_RECORD_COPY_H

#include <stddef.h>

#include <sawatch/record.h>

/* In the order in which a walk gives them. */
enum kind { CAPTURE, TUNNEL, IKE_SA, CHILD_SA, ESP_SA, EXCHANGE, EVENT, ALERT, TRAFFIC, KINDS };

/*
 * Copy `record`, of the struct that `kind` names, to `at` (aligned to 8) with
 * everything it points to behind it.  NULL only measures.  Returns the bytes.
 */
size_t record_copy(enum kind kind, const void *record, void *at);

#endif
