-- What happened.
CREATE TABLE events (id bigint PRIMARY KEY, what text NOT NULL);
INSERT INTO events SELECT n, 'event ' || n FROM generate_series(1, 40) AS n;
