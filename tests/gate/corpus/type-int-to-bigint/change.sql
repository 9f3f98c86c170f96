ALTER TABLE posts ALTER COLUMN likes TYPE bigint;
