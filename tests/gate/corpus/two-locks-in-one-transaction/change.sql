ALTER TABLE users ADD COLUMN nick text;
ALTER TABLE posts ADD COLUMN nick text;
