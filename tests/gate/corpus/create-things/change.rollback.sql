DROP TABLE blog.tags;
DROP EXTENSION pg_trgm;
DROP TYPE blog.size;
DROP SCHEMA blog;
