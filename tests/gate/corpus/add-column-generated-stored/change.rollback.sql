ALTER TABLE posts DROP COLUMN title_size;
