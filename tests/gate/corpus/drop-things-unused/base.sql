-- Things of all kinds, beside a table.
CREATE TABLE rooms (id bigint PRIMARY KEY, name text NOT NULL);
INSERT INTO rooms SELECT n, 'room ' || n FROM generate_series(1, 20) AS n;
CREATE TYPE size AS ENUM ('small', 'large');
CREATE DOMAIN percentage AS bigint;
CREATE SEQUENCE tickets;
CREATE SCHEMA old;
CREATE EXTENSION pg_trgm;
