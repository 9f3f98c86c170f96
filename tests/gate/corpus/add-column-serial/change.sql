ALTER TABLE posts ADD COLUMN number bigserial;
