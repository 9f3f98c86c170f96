ALTER TABLE posts ADD COLUMN size bigint;
UPDATE posts SET size = length(title) WHERE size IS NULL;
