-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- Events of a span of time, and a tunnel by its name, without reading everything.
-- Both keys are appended to in order, or small.

CREATE INDEX event_at ON event (at_ns);
CREATE INDEX tunnel_name ON tunnel (name);
