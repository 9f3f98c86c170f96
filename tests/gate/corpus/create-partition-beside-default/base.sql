-- Events by year, and all others in a partition of their own.
CREATE TABLE events (id bigint NOT NULL, year int NOT NULL, what text NOT NULL, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES IN (2025);
CREATE TABLE events_others PARTITION OF events DEFAULT;
INSERT INTO events SELECT n, 2025, 'event ' || n FROM generate_series(1, 20) AS n;
INSERT INTO events SELECT n, 1999, 'event ' || n FROM generate_series(1, 20) AS n;
