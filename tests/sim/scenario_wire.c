/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "scenario.h"
const struct sim_scenario sim_wire_faults[] = { { 0 } };
