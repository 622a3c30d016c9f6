/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef SAWATCH_CLI_READ_REPORT_H
#define SAWATCH_CLI_READ_REPORT_H

#include <stdbool.h>

#include "cli/reading.h"

/* An empty diagnosis, as it is to be printed. */
struct diagnosis *read_diagnosis(const struct read_options *o);

/*
 * The diagnosis of what was read, its JSON Lines, or what the teller tells; false when complained.
 * The severity of the worst alert is -1 without one, and untouched by a teller.
 */
bool read_report(const struct reading *r, int *ret_worst);

#endif
