ALTER TABLE posts ADD COLUMN subtitle text;
