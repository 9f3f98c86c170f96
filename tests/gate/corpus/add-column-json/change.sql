ALTER TABLE posts ADD COLUMN extra json;
