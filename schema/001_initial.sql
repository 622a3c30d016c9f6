-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Tables of the history.  They are the program's; people and scripts use the
-- views (views.sql).  Once released this file is never edited: the next
-- number is added.
--
-- *_ns       nanoseconds since 1970-01-01T00:00:00Z, packet time
-- *_id       rowid in the table of that name
-- *_key      the address as 16 bytes in network order (IPv4 as ::ffff:a.b.c.d), for sorting and ranges
-- *_by, from_side   side of the tunnel: 0 its peer a, 1 its peer b
-- SPIs       lower-case hexadecimal of fixed width: 8 digits ESP and AH, 16 digits IKE
-- NULL       not known; never 0 and never ''
--
-- The rowid of an IKE, child or ESP SA, exchange, event and alert is
-- capture.id << 32 | number in that capture: reading a capture again gives the
-- same rows, rows are appended in the order of time, and SAs can refer to each
-- other in any order of arrival (which is why those references are not foreign
-- keys).  Indexes are only on such keys: one on random SPIs would make loading
-- ten times slower.

CREATE TABLE meta (
	key		TEXT PRIMARY KEY,
	value		TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sensor (
	id		INTEGER PRIMARY KEY,
	name		TEXT NOT NULL UNIQUE
) STRICT;

-- One file, or one run on an interface.  AUTOINCREMENT: an id is part of
-- other rows' identity and must not be given twice.
CREATE TABLE capture (
	id		INTEGER PRIMARY KEY AUTOINCREMENT,
	sensor_id	INTEGER NOT NULL REFERENCES sensor (id),
	name		TEXT NOT NULL,
	kind		TEXT NOT NULL,		-- file, interface
	link_type	TEXT,
	fingerprint	TEXT,			-- of the first bytes; NULL: every run is a new one
	size		INTEGER,
	first_ns	INTEGER,
	last_ns		INTEGER,
	packets		INTEGER,
	bytes		INTEGER,
	ike_messages	INTEGER,
	esp_packets	INTEGER,
	ah_packets	INTEGER,
	keepalives	INTEGER,
	duplicates	INTEGER,
	malformed	INTEGER,
	cut		INTEGER,
	dropped		INTEGER,
	fragments	INTEGER,
	warnings	TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(warnings)),
	complete	INTEGER NOT NULL DEFAULT 0,	-- 1: read to its end without damage
	UNIQUE (sensor_id, fingerprint)
) STRICT;

-- An unordered pair of peers; peer a is the lower one.
CREATE TABLE tunnel (
	id		INTEGER PRIMARY KEY,
	sensor_id	INTEGER NOT NULL REFERENCES sensor (id),
	network		INTEGER NOT NULL,	-- VLAN or VNI that separates equal addresses; 0 none
	name		TEXT NOT NULL,		-- <peer a><-><peer b>
	peer_a		TEXT NOT NULL,		-- address, or address:port
	address_a	TEXT NOT NULL,
	port_a		INTEGER NOT NULL,	-- 0: plays no part
	key_a		BLOB NOT NULL CHECK (length(key_a) = 16),
	peer_b		TEXT NOT NULL,
	address_b	TEXT NOT NULL,
	port_b		INTEGER NOT NULL,
	key_b		BLOB NOT NULL CHECK (length(key_b) = 16),
	state		TEXT NOT NULL DEFAULT 'unknown',
	since_ns	INTEGER,
	first_ns	INTEGER,
	last_ns		INTEGER,
	behind_nat_a	INTEGER,
	behind_nat_b	INTEGER,
	unobservable	TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(unobservable)),
	UNIQUE (sensor_id, network, name)
) STRICT;

CREATE TABLE ike_sa (
	id		INTEGER PRIMARY KEY,
	tunnel_id	INTEGER NOT NULL REFERENCES tunnel (id),
	version		INTEGER NOT NULL,
	spi_i		TEXT NOT NULL CHECK (length(spi_i) = 16),
	spi_r		TEXT CHECK (length(spi_r) = 16),
	initiator_address TEXT NOT NULL,
	initiator_port	INTEGER NOT NULL,
	initiator_key	BLOB NOT NULL CHECK (length(initiator_key) = 16),
	responder_address TEXT NOT NULL,
	responder_port	INTEGER NOT NULL,
	responder_key	BLOB NOT NULL CHECK (length(responder_key) = 16),
	state		TEXT NOT NULL,
	origin		TEXT NOT NULL,
	parent_id	INTEGER,
	parent_spi_i	TEXT CHECK (length(parent_spi_i) = 16),
	parent_spi_r	TEXT CHECK (length(parent_spi_r) = 16),
	created_ns	INTEGER,
	established_ns	INTEGER,
	ended_ns	INTEGER,
	last_ns		INTEGER,
	end_reason	TEXT,			-- NULL: living
	ended_by	INTEGER,
	suite_encryption TEXT,
	suite_integrity	TEXT,
	suite_prf	TEXT,
	suite_group	TEXT,
	suite_auth	TEXT,
	suite_key_bits	INTEGER,
	suite_life_seconds INTEGER,
	suite_life_kilobytes INTEGER,
	offered		TEXT NOT NULL CHECK (json_valid(offered)),	-- [{encryption, life_seconds, ...}, ...]
	offered_life_seconds INTEGER,		-- the first that is stated in them
	nat_initiator	INTEGER,
	nat_responder	INTEGER,
	vendor_ids	TEXT NOT NULL CHECK (json_valid(vendor_ids)),
	first_frame	INTEGER,
	last_frame	INTEGER,
	messages	INTEGER,
	grade		TEXT NOT NULL
) STRICT;
CREATE INDEX ike_sa_tunnel ON ike_sa (tunnel_id, created_ns);
CREATE INDEX ike_sa_parent ON ike_sa (parent_id) WHERE parent_id IS NOT NULL;

-- One SPI in one direction; generation counts the times it was used again.
CREATE TABLE esp_sa (
	id		INTEGER PRIMARY KEY,
	tunnel_id	INTEGER NOT NULL REFERENCES tunnel (id),
	protocol	TEXT NOT NULL,		-- esp, ah
	spi		TEXT NOT NULL CHECK (length(spi) = 8),
	src_address	TEXT NOT NULL,
	src_port	INTEGER NOT NULL,
	src_key		BLOB NOT NULL CHECK (length(src_key) = 16),
	dst_address	TEXT NOT NULL,
	dst_port	INTEGER NOT NULL,
	dst_key		BLOB NOT NULL CHECK (length(dst_key) = 16),
	encap		TEXT NOT NULL,		-- none, udp, tcp
	generation	INTEGER NOT NULL,
	first_ns	INTEGER,
	last_ns		INTEGER,
	packets		INTEGER,
	bytes		INTEGER,
	seq_first	INTEGER,
	seq_last	INTEGER,
	lost		INTEGER,
	late		INTEGER,
	duplicates	INTEGER,
	predecessor_id	INTEGER,
	predecessor_spi	TEXT CHECK (length(predecessor_spi) = 8),
	successor_id	INTEGER,
	successor_spi	TEXT CHECK (length(successor_spi) = 8),
	end_reason	TEXT,
	ended_by	INTEGER,
	first_frame	INTEGER,
	last_frame	INTEGER,
	grade		TEXT NOT NULL
) STRICT;
CREATE INDEX esp_sa_tunnel ON esp_sa (tunnel_id, first_ns);

-- A pair of ESP (or AH) SAs: _a is the one that peer a sends on, _b the other.
CREATE TABLE child_sa (
	id		INTEGER PRIMARY KEY,
	tunnel_id	INTEGER NOT NULL REFERENCES tunnel (id),
	ike_sa_id	INTEGER,
	ike_spi_i	TEXT CHECK (length(ike_spi_i) = 16),
	ike_spi_r	TEXT CHECK (length(ike_spi_r) = 16),
	esp_sa_a_id	INTEGER,
	esp_sa_b_id	INTEGER,
	spi_a		TEXT CHECK (length(spi_a) = 8),
	spi_b		TEXT CHECK (length(spi_b) = 8),
	state		TEXT NOT NULL,
	created_ns	INTEGER,
	created_by	INTEGER,
	created_how	TEXT NOT NULL,
	predecessor_id	INTEGER,
	predecessor_spi_a TEXT CHECK (length(predecessor_spi_a) = 8),
	predecessor_spi_b TEXT CHECK (length(predecessor_spi_b) = 8),
	ended_ns	INTEGER,
	end_reason	TEXT,
	ended_by	INTEGER,
	rekeyed_by	INTEGER,
	rekey_ns	INTEGER,		-- request of the exchange that replaced it
	grade		TEXT NOT NULL
) STRICT;
CREATE INDEX child_sa_tunnel ON child_sa (tunnel_id, created_ns);
CREATE INDEX child_sa_predecessor ON child_sa (predecessor_id) WHERE predecessor_id IS NOT NULL;

CREATE TABLE exchange (
	id		INTEGER PRIMARY KEY,
	tunnel_id	INTEGER NOT NULL REFERENCES tunnel (id),
	ike_sa_id	INTEGER,
	spi_i		TEXT NOT NULL CHECK (length(spi_i) = 16),
	spi_r		TEXT CHECK (length(spi_r) = 16),
	version		INTEGER NOT NULL,
	exchange_type	INTEGER NOT NULL,
	kind		TEXT NOT NULL,
	message_id	INTEGER NOT NULL,
	from_side	INTEGER,
	request_ns	INTEGER,
	response_ns	INTEGER,
	requests	INTEGER,		-- transmissions
	responses	INTEGER,
	request_bytes	INTEGER,
	response_bytes	INTEGER,
	rtt_ns		INTEGER,
	outcome		TEXT NOT NULL,
	purpose		TEXT NOT NULL,
	request_frame	INTEGER,
	response_frame	INTEGER,
	grade		TEXT NOT NULL
) STRICT;
CREATE INDEX exchange_tunnel ON exchange (tunnel_id, request_ns);

-- Append-only.  Its identity elsewhere is (sensor, capture, seq): seq is dense.
CREATE TABLE event (
	id		INTEGER PRIMARY KEY,	-- capture << 32 | seq
	tunnel_id	INTEGER REFERENCES tunnel (id),	-- NULL: about the capture
	at_ns		INTEGER,
	kind		TEXT NOT NULL,
	text		TEXT NOT NULL,
	frames		TEXT NOT NULL CHECK (json_valid(frames))
) STRICT;
CREATE INDEX event_tunnel ON event (tunnel_id, at_ns);

CREATE TABLE alert (
	id		INTEGER PRIMARY KEY,
	tunnel_id	INTEGER REFERENCES tunnel (id),	-- NULL: about the capture
	code		TEXT NOT NULL,
	severity	TEXT NOT NULL,
	confidence	TEXT NOT NULL,
	status		TEXT NOT NULL CHECK (status IN ('raised', 'cleared')),
	first_ns	INTEGER,
	last_ns		INTEGER,
	raised_ns	INTEGER,
	cleared_ns	INTEGER,
	count		INTEGER,
	summary		TEXT NOT NULL,
	cause		TEXT,
	incident_id	INTEGER,		-- alert of which this one is a symptom
	evidence	TEXT NOT NULL CHECK (json_valid(evidence)),	-- {name: value, ...}
	frames		TEXT NOT NULL CHECK (json_valid(frames)),	-- [number, ...]
	actions		TEXT NOT NULL CHECK (json_valid(actions))	-- [{vendor, text}, ...]
) STRICT;
CREATE INDEX alert_tunnel ON alert (tunnel_id, first_ns);

-- Packets of an SA in a span of time: minutes, later rolled up into hours and
-- days.  The key begins with the time so that deleting old rows is one range.
CREATE TABLE traffic (
	span_s		INTEGER NOT NULL,	-- 60, 3600, 86400
	bucket_ns	INTEGER NOT NULL,	-- its start
	esp_sa_id	INTEGER NOT NULL,
	packets		INTEGER,
	bytes		INTEGER,
	lost		INTEGER,
	PRIMARY KEY (span_s, bucket_ns, esp_sa_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX traffic_esp_sa ON traffic (esp_sa_id, span_s, bucket_ns);

-- Inventory: tunnels that should be up.
CREATE TABLE expected (
	id		INTEGER PRIMARY KEY,
	sensor_id	INTEGER NOT NULL REFERENCES sensor (id),
	network		INTEGER NOT NULL,
	name		TEXT NOT NULL,		-- as tunnel.name
	label		TEXT,			-- what people call it
	UNIQUE (sensor_id, network, name)
) STRICT;
