-- Events by year.
CREATE TABLE events (id bigint NOT NULL, year int NOT NULL, what text NOT NULL, PRIMARY KEY (id, year)) PARTITION BY LIST (year);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES IN (2025);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES IN (2024);
INSERT INTO events SELECT n, 2025, 'event ' || n FROM generate_series(1, 20) AS n;
INSERT INTO events SELECT n, 2024, 'event ' || n FROM generate_series(1, 20) AS n;
