ALTER TABLE posts ADD COLUMN title_size bigint GENERATED ALWAYS AS (length(title)::bigint) STORED;
