/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which entry of the inventory a tunnel is.  Its ports are those that the entry names; an entry
 * without ports stands for the tunnel heard of last between its addresses, for a peer behind a NAT
 * comes from whichever port.  v_tunnels says the same.
 */
#ifndef SAWATCH_STORE_INVENTORY_H
#define SAWATCH_STORE_INVENTORY_H

#define INVENTORY_HAS(name, t)                                                                   \
	"EXISTS (SELECT 1 FROM expected y WHERE y.sensor_id = " t ".sensor_id AND y.network = " t \
	".network AND y.name = " name ")"
#define WITHOUT_PORTS(t) t ".address_a || '<->' || " t ".address_b"
#define HAS_PORTS(t) "(" t ".port_a > 0 OR " t ".port_b > 0)"

/* Of those between two addresses that no entry names with their ports; found once a statement. */
#define INVENTORY_LATEST                                                                         \
	"SELECT id FROM (SELECT z.id, max(coalesce(z.last_ns, 0)) FROM tunnel z WHERE NOT ("      \
	HAS_PORTS("z") " AND " INVENTORY_HAS("z.name", "z") ")"                                  \
	" GROUP BY z.sensor_id, z.network, z.address_a, z.address_b)"

/* The name that the entry of tunnel `t` bears; NULL, or one that no entry bears: it has none. */
#define INVENTORY_NAME(t)                                                                        \
	"CASE WHEN NOT " INVENTORY_HAS(WITHOUT_PORTS(t), t) " OR (" HAS_PORTS(t) " AND "          \
	INVENTORY_HAS(t ".name", t) ") THEN " t ".name"                                          \
	" WHEN " t ".id IN (" INVENTORY_LATEST ") THEN " WITHOUT_PORTS(t) " END"

/* `x` is the entry of tunnel `t`, as a condition. */
#define INVENTORY_ENTRY_OF(x, t)                                                                 \
	x ".sensor_id = " t ".sensor_id AND " x ".network = " t ".network AND " x                \
	".name = " INVENTORY_NAME(t)

#endif
