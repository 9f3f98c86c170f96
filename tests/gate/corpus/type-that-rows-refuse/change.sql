ALTER TABLE events ALTER COLUMN what TYPE bigint USING what::bigint;
