-- A table without a primary key.
CREATE TABLE events (id bigint NOT NULL CONSTRAINT events_pkey PRIMARY KEY, what text NOT NULL);
INSERT INTO events SELECT n, 'event ' || n FROM generate_series(1, 40) AS n;
