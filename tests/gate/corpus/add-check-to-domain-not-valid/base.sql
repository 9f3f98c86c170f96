-- A domain, and a table that uses it.
CREATE DOMAIN percentage AS bigint;
CREATE TABLE results (id bigint PRIMARY KEY, score percentage NOT NULL);
INSERT INTO results SELECT n, n FROM generate_series(1, 40) AS n;
