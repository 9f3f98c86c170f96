ALTER TABLE posts ADD COLUMN nick text;
