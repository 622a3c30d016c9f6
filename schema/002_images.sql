-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- What a monitor writes down for itself, to go on after a restart.

-- Who wrote the rows of this capture and may go on with its living SAs: the
-- interfaces watched, or the series of files that is read with --resume.
ALTER TABLE capture ADD COLUMN source TEXT;
UPDATE capture SET source = name WHERE kind = 'interface';

-- A tunnel with all that belongs to it as the program holds it in memory, and
-- what the detectors remember of it.  A stamp tells the program that can read
-- it; to all others it means nothing.
CREATE TABLE image (
	id		INTEGER PRIMARY KEY,
	sensor_id	INTEGER NOT NULL REFERENCES sensor (id),
	source		TEXT NOT NULL,
	tunnel_id	INTEGER NOT NULL,	-- 0: the capture as a whole
	saved_ns	INTEGER NOT NULL,	-- packet time
	track_stamp	TEXT NOT NULL,
	track		BLOB NOT NULL,
	track_sum	INTEGER NOT NULL,	-- tells damage
	detect_stamp	TEXT NOT NULL,
	detect		BLOB NOT NULL,
	detect_sum	INTEGER NOT NULL,
	UNIQUE (sensor_id, source, tunnel_id)
) STRICT;
