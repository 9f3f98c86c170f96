SET LOCAL lock_timeout = '1min';
ALTER TABLE posts ADD COLUMN subtitle text;
