-- transactional: false

CREATE UNIQUE INDEX CONCURRENTLY events_pkey ON events (id);
