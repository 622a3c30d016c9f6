/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy.h"

#include <string.h>

static const struct sim_policy policies[] = {
	{ .vendor = "strongswan", .version = 2, .ladder = { 4, 11.2, 24.2, 47.5, 89.5 },
	  .give_up = 165,
	  .ike_life = 15840, .ike_margin = { 1440, 1440 }, .ike_jitter = 1440,
	  .child_life = 3960, .child_margin = { 360, 360 }, .child_jitter = 360,
	  .dpd = 30, .keepalive = 20, .reconnect = 1, .spi_c = true, .group = 31, .pfs_group = 31,
	  .suite = "aes128-sha256", .fragment = 1280, .vendor_ids = { "strongswan" } },
	{ .vendor = "libreswan", .version = 2, .ladder = { 0.5, 1, 2, 4, 8, 16 }, .give_up = 32,
	  .ike_life = 28800, .ike_margin = { 540, 270 }, .ike_jitter = 540,
	  .child_life = 28800, .child_margin = { 540, 270 }, .child_jitter = 540,
	  .dpd = 30, .keepalive = 20, .reconnect = 5, .delete_after = 1, .group = 19,
	  .pfs_group = 19,
	  .suite = "aes256gcm16-sha384", .fragment = 1280 },
	{ .vendor = "ios", .version = 2, .ladder = { 2, 6, 14, 30, 62 }, .give_up = 94,
	  .ike_life = 86400, .ike_margin = { 30, 30 },
	  .child_life = 3600, .child_margin = { 30, 30 }, .child_bytes = UINT64_C(4608000) * 1024,
	  .dpd = 10, .keepalive = 20, .reconnect = 2, .rekey_needs_traffic = true,
	  .on_demand = true,
	  .group = 19, .pfs_group = 19, .suite = "aes256gcm16-pad8",
	  .vendor_ids = { "cisco-delete-reason" } },
	{ .vendor = "asa", .version = 2, .ladder = { 2, 6, 14, 30, 62 }, .give_up = 94,
	  .ike_life = 86400, .ike_margin = { 30, 30 },
	  .child_life = 28800, .child_margin = { 30, 30 }, .child_bytes = UINT64_C(4608000) * 1024,
	  .dpd = 10, .keepalive = 20, .reconnect = 2, .on_demand = true, .group = 14,
	  .pfs_group = 14,
	  .suite = "aes256-sha256", .vendor_ids = { "cisco-delete-reason", "fragmentation" } },
	{ .vendor = "fortigate", .version = 2, .ladder = { 3, 9, 21 }, .give_up = 30,
	  .ike_life = 86400, .ike_margin = { 271, 271 }, .ike_jitter = 5,
	  .child_life = 43200, .child_margin = { 302, 302 }, .child_jitter = 5,
	  .dpd = 20, .keepalive = 10, .reconnect = 5, .group = 20, .pfs_group = 20,
	  .suite = "aes256-sha256", .vendor_ids = { "fortigate" } },
	{ .vendor = "panos", .version = 2, .ladder = { 1, 3, 7, 15, 31, 63, 127, 191, 255 },
	  .give_up = 319,
	  .ike_life = 28800, .ike_margin = { 120, 120 }, .ike_jitter = 30,
	  .child_life = 3600, .child_margin = { 60, 60 }, .child_jitter = 30,
	  .dpd = 5, .keepalive = 20, .reconnect = 5, .group = 14, .pfs_group = 14,
	  .suite = "aes128-sha1" },
	{ .vendor = "juniper", .version = 2, .ladder = { 2, 6, 14, 30 }, .give_up = 60,
	  .ike_life = 28800, .ike_margin = { 135, 90 },
	  .child_life = 3600, .child_margin = { 135, 90 },
	  .dpd = 10, .keepalive = 20, .reconnect = 5, .group = 14, .pfs_group = 14,
	  .suite = "aes256-sha256" },
	{ .vendor = "iked", .version = 2, .ladder = { 2, 6, 14, 30, 62 }, .give_up = 126,
	  .ike_life = 86400, .ike_margin = { -1, -1 },
	  .child_life = 10800, .child_margin = { 540, 540 }, .child_jitter = 1080,
	  .child_bytes = UINT64_C(3650722201), .dpd = 60, .keepalive = 20, .reconnect = 5,
	  .rekey_sa_first = true,
	  .group = 31, .pfs_group = 31, .suite = "aes256gcm16-sha384", .fragment = 1280 },
	{ .vendor = "aws", .version = 2, .ladder = { 4, 11.2, 24.2, 47.5, 89.5 }, .give_up = 165,
	  .ike_life = 28800, .ike_margin = { 270, 270 }, .ike_jitter = 270,
	  .child_life = 3600, .child_margin = { 270, 270 }, .child_jitter = 270,
	  .dpd = 10, .keepalive = 20, .reconnect = -1, .spi_c = true, .group = 14, .pfs_group = 14,
	  .suite = "aes128-sha1", .vendor_ids = { "strongswan" } },
};

const struct sim_policy *sim_policy(const char *vendor)
{
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
		if (strcmp(policies[i].vendor, vendor) == 0)
			return &policies[i];
	return NULL;
}
