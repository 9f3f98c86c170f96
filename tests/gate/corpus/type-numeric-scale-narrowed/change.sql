ALTER TABLE posts ALTER COLUMN price TYPE numeric(8, 1);
