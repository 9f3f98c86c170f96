CREATE TYPE size AS ENUM ('small', 'large');
CREATE DOMAIN percentage AS bigint;
CREATE SEQUENCE tickets;
CREATE SCHEMA old;
CREATE EXTENSION pg_trgm;
