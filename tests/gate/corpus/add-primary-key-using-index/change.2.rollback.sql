ALTER TABLE events DROP CONSTRAINT events_pkey;
CREATE UNIQUE INDEX events_pkey ON events (id);
