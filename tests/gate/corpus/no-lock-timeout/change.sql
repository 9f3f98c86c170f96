-- lock_timeout: 0

ALTER TABLE posts ADD COLUMN subtitle text;
