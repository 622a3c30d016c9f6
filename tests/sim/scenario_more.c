/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scenario.h"
const struct sim_scenario sim_more_faults[] = { { 0 } };
