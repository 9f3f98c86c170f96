-- An extension of an older version.
CREATE EXTENSION pg_trgm VERSION '1.5';
CREATE TABLE words (id bigint PRIMARY KEY, word text NOT NULL);
INSERT INTO words SELECT n, 'word ' || n FROM generate_series(1, 20) AS n;
