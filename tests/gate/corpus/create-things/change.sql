CREATE SCHEMA blog;
CREATE TYPE blog.size AS ENUM ('small', 'large');
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE TABLE blog.tags (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    size blog.size NOT NULL
);
CREATE INDEX tags_name_idx ON blog.tags (name);
