-- A table that a crash may empty.
CREATE UNLOGGED TABLE visits (id bigint PRIMARY KEY, page text NOT NULL);
INSERT INTO visits SELECT n, 'page ' || n FROM generate_series(1, 40) AS n;
