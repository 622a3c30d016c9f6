-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- The public interface of the history (README.md); names as in JSON Lines.
-- These views are made anew whenever this file changes, so nothing may be
-- stored that depends on them.  Times are RFC 3339 text, UTC, with
-- nanoseconds; "at" is the moment by which the rows of a kind are told in
-- order.  Lists are JSON text: json_each() reads them.  They are made without
-- SQL's JSON functions, which SQLite before 3.41 refuses in views when
-- trusted_schema is off (as it is where sawatch reads a history).
--
-- A moment in nanoseconds becomes text by
--	strftime('%Y-%m-%dT%H:%M:%S', ns / 1000000000, 'unixepoch') || printf('.%09dZ', ns % 1000000000)
-- which SQL cannot give a name.

DROP VIEW IF EXISTS v_captures;
CREATE VIEW v_captures AS
SELECT c.id, s.name AS sensor,
	strftime('%Y-%m-%dT%H:%M:%S', c.first_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', c.first_ns % 1000000000) AS at,
	c.name, c.kind, c.link_type,
	strftime('%Y-%m-%dT%H:%M:%S', c.first_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', c.first_ns % 1000000000) AS first,
	strftime('%Y-%m-%dT%H:%M:%S', c.last_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', c.last_ns % 1000000000) AS last,
	c.packets, c.bytes, c.ike_messages, c.esp_packets, c.ah_packets, c.keepalives, c.duplicates,
	c.malformed, c.cut, c.dropped, c.fragments, c.warnings, c.fingerprint, c.size, c.complete
FROM capture c JOIN sensor s ON s.id = c.sensor_id;

DROP VIEW IF EXISTS v_tunnels;
CREATE VIEW v_tunnels AS
SELECT t.id, s.name AS sensor, t.network,
	strftime('%Y-%m-%dT%H:%M:%S', coalesce(t.since_ns, t.first_ns) / 1000000000, 'unixepoch')
		|| printf('.%09dZ', coalesce(t.since_ns, t.first_ns) % 1000000000) AS at,
	t.name AS tunnel,
	'["' || t.peer_a || '","' || t.peer_b || '"]' AS peers, t.peer_a, t.peer_b, t.state,
	strftime('%Y-%m-%dT%H:%M:%S', t.since_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', t.since_ns % 1000000000) AS since,
	strftime('%Y-%m-%dT%H:%M:%S', t.first_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', t.first_ns % 1000000000) AS first,
	strftime('%Y-%m-%dT%H:%M:%S', t.last_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', t.last_ns % 1000000000) AS last,
	-- the peers behind NAT; NULL unless it is known of both, or one certainly is
	CASE
		WHEN t.behind_nat_a = 1 AND t.behind_nat_b = 1 THEN '["' || t.peer_a || '","' || t.peer_b || '"]'
		WHEN t.behind_nat_a = 1 THEN '["' || t.peer_a || '"]'
		WHEN t.behind_nat_b = 1 THEN '["' || t.peer_b || '"]'
		WHEN t.behind_nat_a = 0 AND t.behind_nat_b = 0 THEN '[]'
	END AS nat,
	(SELECT count(*) FROM ike_sa i WHERE i.tunnel_id = t.id) AS ike_sas,
	(SELECT count(*) FROM child_sa c WHERE c.tunnel_id = t.id) AS child_sas,
	(SELECT count(*) FROM esp_sa e WHERE e.tunnel_id = t.id) AS esp_sas,
	(SELECT count(*) FROM alert a WHERE a.tunnel_id = t.id) AS alerts,
	(SELECT count(*) FROM alert a WHERE a.tunnel_id = t.id AND a.status = 'raised') AS open_alerts,
	t.unobservable, x.id IS NOT NULL AS expected, x.label
FROM tunnel t JOIN sensor s ON s.id = t.sensor_id
-- an entry without ports stands for the tunnel heard of last between its addresses, as store/inventory.h says
LEFT JOIN expected x ON x.sensor_id = t.sensor_id AND x.network = t.network AND x.name = CASE
	WHEN NOT EXISTS (SELECT 1 FROM expected y WHERE y.sensor_id = t.sensor_id AND y.network = t.network
			AND y.name = t.address_a || '<->' || t.address_b)
		OR ((t.port_a > 0 OR t.port_b > 0) AND EXISTS (SELECT 1 FROM expected y
			WHERE y.sensor_id = t.sensor_id AND y.network = t.network AND y.name = t.name))
		THEN t.name
	WHEN t.id IN (SELECT id FROM (SELECT z.id, max(coalesce(z.last_ns, 0)) FROM tunnel z
			WHERE NOT ((z.port_a > 0 OR z.port_b > 0) AND EXISTS (SELECT 1 FROM expected y
				WHERE y.sensor_id = z.sensor_id AND y.network = z.network AND y.name = z.name))
			GROUP BY z.sensor_id, z.network, z.address_a, z.address_b))
		THEN t.address_a || '<->' || t.address_b
END;

DROP VIEW IF EXISTS v_ike_sas;
CREATE VIEW v_ike_sas AS
SELECT i.id, i.id >> 32 AS capture,
	strftime('%Y-%m-%dT%H:%M:%S', i.created_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', i.created_ns % 1000000000) AS at,
	t.name AS tunnel, i.tunnel_id, i.version, i.spi_i, i.spi_r,
	i.spi_i || ':' || coalesce(i.spi_r, '0000000000000000') AS ike_sa,
	CASE WHEN i.version = 1 AND i.origin = 'midstream' THEN NULL	-- not in the header of IKEv1: not known
		WHEN i.initiator_port = 0 THEN i.initiator_address
		WHEN instr(i.initiator_address, ':') THEN '[' || i.initiator_address || ']:' || i.initiator_port
		ELSE i.initiator_address || ':' || i.initiator_port END AS initiator,
	CASE WHEN i.version = 1 AND i.origin = 'midstream' THEN NULL
		WHEN i.responder_port = 0 THEN i.responder_address
		WHEN instr(i.responder_address, ':') THEN '[' || i.responder_address || ']:' || i.responder_port
		ELSE i.responder_address || ':' || i.responder_port END AS responder,
	i.state, i.origin, i.parent_id,
	i.parent_spi_i || ':' || coalesce(i.parent_spi_r, '0000000000000000') AS parent,
	strftime('%Y-%m-%dT%H:%M:%S', i.created_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', i.created_ns % 1000000000) AS created,
	strftime('%Y-%m-%dT%H:%M:%S', i.established_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', i.established_ns % 1000000000) AS established,
	strftime('%Y-%m-%dT%H:%M:%S', i.ended_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', i.ended_ns % 1000000000) AS ended,
	strftime('%Y-%m-%dT%H:%M:%S', i.last_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', i.last_ns % 1000000000) AS last,
	i.end_reason, CASE i.ended_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END AS ended_by,
	(i.ended_ns - coalesce(i.established_ns, i.created_ns)) / 1e9 AS age_s,
	'{"encryption":' || ifnull('"' || i.suite_encryption || ifnull('_' || nullif(i.suite_key_bits, 0), '') || '"', 'null')
		|| ',"integrity":' || ifnull('"' || i.suite_integrity || '"', 'null') || ',"prf":' || ifnull('"' || i.suite_prf || '"', 'null')
		|| ',"group":' || ifnull('"' || i.suite_group || '"', 'null') || '}' AS suite,	-- names of the registry: nothing to escape
	i.suite_encryption || ifnull('_' || nullif(i.suite_key_bits, 0), '') AS suite_encryption, i.suite_key_bits, i.suite_integrity, i.suite_prf, i.suite_group, i.suite_auth,
	i.suite_life_seconds, i.suite_life_kilobytes,
	i.offered, i.offered_life_seconds,
	'{"initiator":' || CASE i.nat_initiator WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE 'null' END
		|| ',"responder":' || CASE i.nat_responder WHEN 0 THEN 'false' WHEN 1 THEN 'true' ELSE 'null' END || '}' AS nat,
	i.nat_initiator, i.nat_responder, i.vendor_ids, i.first_frame, i.last_frame, i.messages, i.grade
FROM ike_sa i JOIN tunnel t ON t.id = i.tunnel_id;

DROP VIEW IF EXISTS v_child_sas;
CREATE VIEW v_child_sas AS
SELECT c.id, c.id >> 32 AS capture,
	strftime('%Y-%m-%dT%H:%M:%S', c.created_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', c.created_ns % 1000000000) AS at,
	t.name AS tunnel, c.tunnel_id,
	'[' || ifnull('"' || c.spi_a || '"', 'null') || ',' || ifnull('"' || c.spi_b || '"', 'null') || ']' AS sas,	-- [0] peer_a sends, [1] peer_b sends
	c.spi_a, c.spi_b, c.esp_sa_a_id, c.esp_sa_b_id,
	c.ike_spi_i || ':' || coalesce(c.ike_spi_r, '0000000000000000') AS ike_sa, c.ike_sa_id,
	c.state,
	strftime('%Y-%m-%dT%H:%M:%S', c.created_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', c.created_ns % 1000000000) AS created,
	CASE c.created_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END AS created_by, c.created_how, c.predecessor_id,
	CASE WHEN c.predecessor_spi_a IS NOT NULL OR c.predecessor_spi_b IS NOT NULL
		THEN '[' || ifnull('"' || c.predecessor_spi_a || '"', 'null') || ','
			|| ifnull('"' || c.predecessor_spi_b || '"', 'null') || ']' END AS predecessor,
	strftime('%Y-%m-%dT%H:%M:%S', c.ended_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', c.ended_ns % 1000000000) AS ended,
	c.end_reason, CASE c.ended_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END AS ended_by,
	CASE c.rekeyed_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END AS rekeyed_by,
	strftime('%Y-%m-%dT%H:%M:%S', c.rekey_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', c.rekey_ns % 1000000000) AS rekey_at,
	(c.rekey_ns - c.created_ns) / 1e9 AS rekey_age_s,
	(c.ended_ns - c.created_ns) / 1e9 AS age_s,
	c.grade
FROM child_sa c JOIN tunnel t ON t.id = c.tunnel_id;

DROP VIEW IF EXISTS v_esp_sas;
CREATE VIEW v_esp_sas AS
SELECT e.id, e.id >> 32 AS capture,
	strftime('%Y-%m-%dT%H:%M:%S', e.first_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', e.first_ns % 1000000000) AS at,
	t.name AS tunnel, e.tunnel_id, e.protocol, e.spi,
	CASE WHEN e.src_port = 0 THEN e.src_address
		WHEN instr(e.src_address, ':') THEN '[' || e.src_address || ']:' || e.src_port
		ELSE e.src_address || ':' || e.src_port END AS src,
	CASE WHEN e.dst_port = 0 THEN e.dst_address
		WHEN instr(e.dst_address, ':') THEN '[' || e.dst_address || ']:' || e.dst_port
		ELSE e.dst_address || ':' || e.dst_port END AS dst,
	e.encap, e.generation,
	strftime('%Y-%m-%dT%H:%M:%S', e.first_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', e.first_ns % 1000000000) AS first,
	strftime('%Y-%m-%dT%H:%M:%S', e.last_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', e.last_ns % 1000000000) AS last,
	e.packets, e.bytes, e.seq_first, e.seq_last, e.lost, e.late, e.duplicates,
	CASE WHEN e.packets + e.lost > 0 THEN 100.0 * e.lost / (e.packets + e.lost) END AS lost_percent,
	e.predecessor_spi AS predecessor, e.predecessor_id, e.successor_spi AS successor, e.successor_id,
	e.end_reason, CASE e.ended_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END AS ended_by, e.first_frame, e.last_frame, e.grade
FROM esp_sa e JOIN tunnel t ON t.id = e.tunnel_id;

DROP VIEW IF EXISTS v_exchanges;
CREATE VIEW v_exchanges AS
SELECT x.id, x.id >> 32 AS capture,
	strftime('%Y-%m-%dT%H:%M:%S', coalesce(x.request_ns, x.response_ns) / 1000000000, 'unixepoch')
		|| printf('.%09dZ', coalesce(x.request_ns, x.response_ns) % 1000000000) AS at,
	t.name AS tunnel, x.tunnel_id, x.spi_i, x.spi_r,
	x.spi_i || ':' || coalesce(x.spi_r, '0000000000000000') AS ike_sa, x.ike_sa_id,
	x.version, x.exchange_type, x.kind, x.message_id, CASE x.from_side WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END AS "from",
	strftime('%Y-%m-%dT%H:%M:%S', x.request_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', x.request_ns % 1000000000) AS request_at,
	strftime('%Y-%m-%dT%H:%M:%S', x.response_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', x.response_ns % 1000000000) AS response_at,
	x.requests, x.responses, x.request_bytes, x.response_bytes, x.rtt_ns / 1e6 AS rtt_ms,
	x.outcome, x.purpose, x.request_frame, x.response_frame, x.grade
FROM exchange x JOIN tunnel t ON t.id = x.tunnel_id;

DROP VIEW IF EXISTS v_events;
CREATE VIEW v_events AS
SELECT e.id, s.name AS sensor, e.id >> 32 AS capture, e.id & 0xffffffff AS seq,
	strftime('%Y-%m-%dT%H:%M:%S', e.at_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', e.at_ns % 1000000000) AS at,
	t.name AS tunnel, e.tunnel_id, e.kind, e.text, e.frames, e.at_ns
FROM event e
LEFT JOIN tunnel t ON t.id = e.tunnel_id
LEFT JOIN capture c ON c.id = e.id >> 32
LEFT JOIN sensor s ON s.id = c.sensor_id;

DROP VIEW IF EXISTS v_alerts;
CREATE VIEW v_alerts AS
SELECT a.id, a.id >> 32 AS capture,
	strftime('%Y-%m-%dT%H:%M:%S', a.last_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', a.last_ns % 1000000000) AS at,
	t.name AS tunnel, a.tunnel_id, a.code, a.severity, a.confidence, a.status,
	strftime('%Y-%m-%dT%H:%M:%S', a.first_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', a.first_ns % 1000000000) AS first,
	strftime('%Y-%m-%dT%H:%M:%S', a.last_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', a.last_ns % 1000000000) AS last,
	strftime('%Y-%m-%dT%H:%M:%S', a.raised_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', a.raised_ns % 1000000000) AS raised_at,
	strftime('%Y-%m-%dT%H:%M:%S', a.cleared_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', a.cleared_ns % 1000000000) AS cleared_at,
	a.count, a.summary, a.cause, a.incident_id AS incident, a.evidence, a.frames, a.actions
FROM alert a LEFT JOIN tunnel t ON t.id = a.tunnel_id;

DROP VIEW IF EXISTS v_traffic;
CREATE VIEW v_traffic AS
SELECT r.esp_sa_id AS id,
	strftime('%Y-%m-%dT%H:%M:%S', r.bucket_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', r.bucket_ns % 1000000000) AS at,
	t.name AS tunnel, e.tunnel_id, e.spi,
	CASE WHEN e.src_port = 0 THEN e.src_address
		WHEN instr(e.src_address, ':') THEN '[' || e.src_address || ']:' || e.src_port
		ELSE e.src_address || ':' || e.src_port END AS src,
	CASE WHEN e.dst_port = 0 THEN e.dst_address
		WHEN instr(e.dst_address, ':') THEN '[' || e.dst_address || ']:' || e.dst_port
		ELSE e.dst_address || ':' || e.dst_port END AS dst,
	r.span_s, r.packets, r.bytes, r.lost
FROM traffic r
LEFT JOIN esp_sa e ON e.id = r.esp_sa_id
LEFT JOIN tunnel t ON t.id = e.tunnel_id;

-- How old SAs become before they are replaced, per tunnel, kind and side
-- (side NULL: both together).  An SA counts when its birth is known.
--
-- A condition on tunnel or tunnel_id goes down to the indexes of the tables,
-- which is why both are columns of every part, each part is used once, and
-- parts meet by UNION ALL and windows instead of by joins and GROUP BY.
DROP VIEW IF EXISTS v_lifetimes;
CREATE VIEW v_lifetimes AS
WITH
replaced AS (	-- every SA that was rekeyed: at which age, and by which side
	SELECT c.tunnel_id, t.name AS tunnel, 'child' AS kind, c.rekeyed_by AS side,
		coalesce(c.rekey_ns, (SELECT min(n.created_ns) FROM child_sa n WHERE n.predecessor_id = c.id))
			- c.created_ns AS age_ns,
		(SELECT sum(e.bytes) FROM esp_sa e WHERE e.id IN (c.esp_sa_a_id, c.esp_sa_b_id)) AS bytes
	FROM tunnel t JOIN child_sa c ON c.tunnel_id = t.id
	WHERE c.created_how <> 'unknown' OR c.predecessor_id IS NOT NULL
		OR c.predecessor_spi_a IS NOT NULL OR c.predecessor_spi_b IS NOT NULL
	UNION ALL
	SELECT i.tunnel_id, t.name, 'ike',
		coalesce(i.ended_by, (	-- who rekeys an IKE SA becomes the initiator of the next, RFC 7296 2.18
			SELECT CASE n.initiator_address WHEN t.address_a THEN 0 WHEN t.address_b THEN 1 END
			FROM ike_sa n WHERE n.parent_id = i.id ORDER BY n.created_ns LIMIT 1)),
		coalesce((SELECT min(n.created_ns) FROM ike_sa n WHERE n.parent_id = i.id), i.ended_ns)
			- coalesce(i.established_ns, i.created_ns),
		NULL
	FROM tunnel t JOIN ike_sa i ON i.tunnel_id = t.id
	WHERE i.origin <> 'midstream'
		AND (i.end_reason = 'rekeyed' OR EXISTS (SELECT 1 FROM ike_sa n WHERE n.parent_id = i.id))
),
sided AS (	-- each counts for its side, when that is known, and for both together
	SELECT a.tunnel_id, a.tunnel, a.kind, CASE v.both WHEN 1 THEN -1 ELSE a.side END AS side, a.age_ns, a.bytes
	FROM replaced a CROSS JOIN (SELECT 0 AS both UNION ALL SELECT 1) v
	WHERE a.age_ns > 0 AND (v.both = 1 OR a.side IS NOT NULL)
),
ranked AS (	-- *_spread: square of the coefficient of variation; one window, so that rows are sorted once
	SELECT tunnel_id, tunnel, kind, side, age_ns, row_number() OVER p AS place, count(*) OVER p AS n,
		min(age_ns) OVER p AS min_ns, max(age_ns) OVER p AS max_ns,
		avg((age_ns / 1e9) * (age_ns / 1e9)) OVER p / (avg(age_ns / 1e9) OVER p * avg(age_ns / 1e9) OVER p) - 1
			AS age_spread,
		CASE WHEN count(bytes) OVER p = count(*) OVER p AND avg(bytes) OVER p > 0
			THEN avg(1.0 * bytes * bytes) OVER p / (avg(bytes) OVER p * avg(bytes) OVER p) - 1 END AS bytes_spread
	FROM sided WINDOW p AS (PARTITION BY tunnel_id, tunnel, kind, side ORDER BY age_ns
		ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
),
measured AS (	-- the one or two in the middle, of which the first is used
	SELECT tunnel_id, tunnel, kind, side, n, min_ns, max_ns, age_spread, bytes_spread, place = (n + 1) / 2 AS first,
		CAST(avg(age_ns) OVER (PARTITION BY tunnel_id, tunnel, kind, side) AS INTEGER) AS median_ns
	FROM ranked WHERE place IN ((n + 1) / 2, (n + 2) / 2)
),
offers AS (	-- IKEv1 phase 1: the initiator says its lifetime in clear; the latest word counts
	SELECT i.tunnel_id, t.name AS tunnel,
		CASE i.initiator_address WHEN t.address_a THEN 0 WHEN t.address_b THEN 1 END AS side,
		coalesce(i.offered_life_seconds, i.suite_life_seconds) AS seconds,
		row_number() OVER (PARTITION BY i.tunnel_id, t.name, i.initiator_address ORDER BY i.created_ns DESC, i.id DESC)
			AS age_rank
	FROM tunnel t JOIN ike_sa i ON i.tunnel_id = t.id
	WHERE i.version = 1 AND coalesce(i.offered_life_seconds, i.suite_life_seconds) > 0
),
promised AS (
	SELECT f.tunnel_id, f.tunnel, CASE v.both WHEN 1 THEN -1 ELSE f.side END AS side, f.seconds
	FROM offers f CROSS JOIN (SELECT 0 AS both UNION ALL SELECT 1) v
	WHERE f.age_rank = 1 AND f.side IS NOT NULL
),
declared AS (	-- of both sides together: the shorter one ends the SA
	SELECT *, row_number() OVER (PARTITION BY tunnel_id, tunnel, side ORDER BY seconds) AS place FROM promised
),
idle AS (
	SELECT c.tunnel_id, t.name AS tunnel, count(*) AS n
	FROM tunnel t JOIN child_sa c ON c.tunnel_id = t.id
	WHERE c.end_reason = 'idle' GROUP BY c.tunnel_id, t.name HAVING count(*) >= 3
),
usual (seconds) AS (	-- lifetimes that vendors set by default or people configure
	VALUES (900), (1200), (1800), (2400), (3000), (3300), (3600), (5400), (7200), (10800), (14400),
		(21600), (27000), (28800), (43200), (57600), (86400)
),
margins (from_part, from_s, to_part, to_s) AS (	-- at which ages an SA of a lifetime is rekeyed: part of it, and seconds
	VALUES (1.0, -35, 1.01, 0),	-- Cisco 30 s before its end, others at its end
		(1.0, -140, 1.0, -85),		-- Juniper
		(1.0, -305, 1.0, -265),		-- FortiOS; libreswan as responder
		(1.0, -545, 1.0, -265),		-- AWS
		(1.0, -1085, 1.0, -535),	-- libreswan as initiator, ipsec.conf of strongSwan
		(0.9, 0, 1.0, 0),		-- strongSwan, pfSense, StarOS
		(0.85, 0, 0.95, 0),		-- iked of OpenBSD
		(0.795, 0, 0.805, 0),		-- racoon, HP
		(0.695, 0, 0.705, 0)		-- Huawei
),
facts AS (
	SELECT tunnel_id, tunnel, kind, side, n, min_ns, median_ns, max_ns, age_spread, bytes_spread,
		NULL AS declared_s, NULL AS idle_n FROM measured WHERE first
	UNION ALL
	SELECT tunnel_id, tunnel, 'ike', side, NULL, NULL, NULL, NULL, NULL, NULL, seconds, NULL FROM declared WHERE place = 1
	UNION ALL
	SELECT tunnel_id, tunnel, 'child', -1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, n FROM idle
),
known AS (	-- max: of the one that says it
	SELECT tunnel_id, tunnel, kind, side, coalesce(max(n) OVER p, 0) AS n, max(min_ns) OVER p AS min_ns,
		max(median_ns) OVER p AS median_ns, max(max_ns) OVER p AS max_ns, max(age_spread) OVER p AS age_spread,
		max(bytes_spread) OVER p AS bytes_spread, max(declared_s) OVER p AS declared_s,
		coalesce(max(idle_n) OVER p, 0) AS idle_n, row_number() OVER p AS place
	FROM facts WINDOW p AS (PARTITION BY tunnel_id, tunnel, kind, side)
),
judged AS (
	SELECT k.*,
		CASE
			WHEN idle_n > n THEN 'idle'
			WHEN n >= 3 AND bytes_spread < 0.01 AND age_spread > 0.0625 THEN 'volume'
			WHEN n >= 3 AND age_spread < 0.0625 THEN 'time'
		END AS ended_by,
		CASE WHEN n < 3 THEN min_ns ELSE median_ns END AS usual_ns,	-- of two, neither is an exception
		count(*) FILTER (WHERE side >= 0 AND n > 0) OVER (PARTITION BY tunnel_id, tunnel, kind) AS rekeyers,
		min(side) FILTER (WHERE side >= 0 AND n > 0) OVER (PARTITION BY tunnel_id, tunnel, kind) AS one
	FROM known k WHERE place = 1
),
fitting AS (	-- lifetimes no shorter than the oldest SA; which explains all ages, most narrowly?
	SELECT u.seconds, u.seconds * m.from_part + m.from_s - 2 AS from_s, u.seconds * m.to_part + m.to_s + 2 AS to_s
	FROM usual u CROSS JOIN margins m
),
expecting AS (	-- no margin known: rekeys come at 70 % to 100 % of a lifetime
	SELECT j.*, CASE WHEN j.n >= 2 AND j.ended_by IS NOT 'volume' THEN coalesce((
			SELECT seconds FROM (
				SELECT f.seconds, j.min_ns < f.from_s * 1e9 AS outlier, f.to_s - f.from_s AS width FROM fitting f
				WHERE f.from_s >= f.seconds / 2 AND j.usual_ns >= f.from_s * 1e9 AND j.max_ns <= f.to_s * 1e9)
			ORDER BY outlier, width, seconds LIMIT 1), (
			SELECT min(u.seconds) FROM usual u
			WHERE u.seconds * 1.01e9 >= j.max_ns AND u.seconds * 0.7e9 <= j.usual_ns)) END AS inferred_s
	FROM judged j
)
SELECT x.tunnel_id * 6 + (x.kind = 'child') * 3 + x.side + 1 AS id,
	x.tunnel, x.tunnel_id, x.kind,
	CASE x.side WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END AS side,
	x.n, x.min_ns / 1e9 AS min_s, x.median_ns / 1e9 AS median_s, x.max_ns / 1e9 AS max_s,
	CASE x.rekeyers WHEN 1 THEN CASE x.one WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END WHEN 2 THEN 'both' END AS who_rekeys,
	coalesce(x.declared_s, x.inferred_s) AS expected_s,
	CASE WHEN x.declared_s IS NOT NULL THEN 'observed' WHEN x.inferred_s IS NOT NULL THEN 'inferred'
		ELSE 'unknown' END AS expected_grade,
	x.ended_by, x.min_ns, x.median_ns, x.max_ns
FROM expecting x JOIN tunnel t ON t.id = x.tunnel_id
ORDER BY x.tunnel_id, x.kind DESC, x.side;

-- All that happened, in order.  Births, rekeys and ends of SAs come from their
-- own tables, where later packets corrected them, and not from the events
-- that told of them first.  `id` is a row of the table named in `object`.
-- A condition on tunnel or tunnel_id goes down into each part.
DROP VIEW IF EXISTS v_timeline;
CREATE VIEW v_timeline AS
SELECT m.id, m.object,
	strftime('%Y-%m-%dT%H:%M:%S', m.at_ns / 1000000000, 'unixepoch')
		|| printf('.%09dZ', m.at_ns % 1000000000) AS at,
	m.tunnel, m.tunnel_id, m.what, m.text, m.at_ns
FROM (
	SELECT e.id, 'event' AS object, e.at_ns, t.name AS tunnel, e.tunnel_id, e.kind AS what, e.text, 5 AS place
	FROM event e LEFT JOIN tunnel t ON t.id = e.tunnel_id WHERE e.kind NOT IN ('ike_sa_created', 'ike_sa_established', 'ike_sa_rekeyed', 'ike_sa_ended',
		'child_sa_created', 'child_sa_rekeyed', 'child_sa_ended')
	UNION ALL
	SELECT i.id, 'ike_sa', i.created_ns, t.name, i.tunnel_id, 'ike_sa_created',
		'IKEv' || i.version || ' SA ' || i.spi_i || ':' || coalesce(i.spi_r, '?')
		|| CASE i.origin WHEN 'rekey' THEN ' created by a rekey' || coalesce(' of ' || i.parent_spi_i || ':' || i.parent_spi_r, '')
			WHEN 'midstream' THEN ' already there' ELSE ' begun by ' || i.initiator_address END, 1
	FROM ike_sa i JOIN tunnel t ON t.id = i.tunnel_id WHERE i.created_ns IS NOT NULL
	UNION ALL
	SELECT i.id, 'ike_sa', i.established_ns, t.name, i.tunnel_id, 'ike_sa_established',
		'IKEv' || i.version || ' SA ' || i.spi_i || ':' || coalesce(i.spi_r, '?') || ' established', 2
	FROM ike_sa i JOIN tunnel t ON t.id = i.tunnel_id WHERE i.established_ns IS NOT NULL
	UNION ALL
	SELECT i.id, 'ike_sa', i.ended_ns, t.name, i.tunnel_id,
		CASE i.end_reason WHEN 'rekeyed' THEN 'ike_sa_rekeyed' ELSE 'ike_sa_ended' END,
		'IKEv' || i.version || ' SA ' || i.spi_i || ':' || coalesce(i.spi_r, '?') || ' ended: '
		|| coalesce(i.end_reason, 'unknown') || coalesce(', by ' || CASE i.ended_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END, ''), 3
	FROM ike_sa i JOIN tunnel t ON t.id = i.tunnel_id WHERE i.ended_ns IS NOT NULL
	UNION ALL
	SELECT c.id, 'child_sa', c.created_ns, t.name, c.tunnel_id, 'child_sa_created',
		'child SA ' || coalesce(c.spi_a, '?') || '/' || coalesce(c.spi_b, '?') || ' created'
		|| coalesce(' by ' || CASE c.created_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END, '')
		|| CASE c.created_how WHEN 'unknown' THEN '' ELSE ' (' || c.created_how || ')' END
		|| CASE WHEN c.predecessor_spi_a IS NULL AND c.predecessor_spi_b IS NULL THEN ''
			ELSE ', replaces ' || coalesce(c.predecessor_spi_a, '?') || '/' || coalesce(c.predecessor_spi_b, '?') END, 2
	FROM child_sa c JOIN tunnel t ON t.id = c.tunnel_id WHERE c.created_ns IS NOT NULL
	UNION ALL
	SELECT c.id, 'child_sa', c.rekey_ns, t.name, c.tunnel_id, 'child_sa_rekeyed',
		'child SA ' || coalesce(c.spi_a, '?') || '/' || coalesce(c.spi_b, '?') || ' rekeyed'
		|| coalesce(' by ' || CASE c.rekeyed_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END, '')
		|| coalesce(printf(' at the age of %.1f s', (c.rekey_ns - c.created_ns) / 1e9), ''), 1
	FROM child_sa c JOIN tunnel t ON t.id = c.tunnel_id WHERE c.rekey_ns IS NOT NULL
	UNION ALL
	SELECT c.id, 'child_sa', c.ended_ns, t.name, c.tunnel_id, 'child_sa_ended',
		'child SA ' || coalesce(c.spi_a, '?') || '/' || coalesce(c.spi_b, '?') || ' ended: '
		|| coalesce(c.end_reason, 'unknown') || coalesce(', by ' || CASE c.ended_by WHEN 0 THEN t.peer_a WHEN 1 THEN t.peer_b END, ''), 4
	FROM child_sa c JOIN tunnel t ON t.id = c.tunnel_id WHERE c.ended_ns IS NOT NULL
	UNION ALL
	SELECT e.id, 'esp_sa', e.last_ns, t.name, e.tunnel_id, 'esp_sa_ended',
		upper(e.protocol) || ' SA ' || e.spi || ' ' || e.src_address || ' -> ' || e.dst_address || ': last packet, '
		|| coalesce(e.packets, '?') || ' packets, ' || coalesce(e.bytes, '?') || ' bytes, ended: ' || e.end_reason, 4
	FROM esp_sa e JOIN tunnel t ON t.id = e.tunnel_id WHERE e.end_reason IS NOT NULL AND e.last_ns IS NOT NULL
	UNION ALL
	SELECT a.id, 'alert', coalesce(a.raised_ns, a.first_ns), t.name, a.tunnel_id, 'alert_raised',
		a.severity || ' ' || a.code || coalesce(' (' || a.cause || ')', '') || ': ' || a.summary, 6
	FROM alert a LEFT JOIN tunnel t ON t.id = a.tunnel_id WHERE coalesce(a.raised_ns, a.first_ns) IS NOT NULL
	UNION ALL
	SELECT a.id, 'alert', a.cleared_ns, t.name, a.tunnel_id, 'alert_cleared', a.severity || ' ' || a.code || ' cleared', 7
	FROM alert a LEFT JOIN tunnel t ON t.id = a.tunnel_id WHERE a.cleared_ns IS NOT NULL
) m
ORDER BY m.at_ns, m.place, m.id;
