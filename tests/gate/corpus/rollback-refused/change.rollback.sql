ALTER TABLE posts DROP COLUMN sub_title;
