ALTER TABLE posts ALTER COLUMN price TYPE numeric(12, 2);
