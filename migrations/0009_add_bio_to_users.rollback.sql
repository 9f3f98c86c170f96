-- What people wrote about themselves is lost.

ALTER TABLE users DROP COLUMN bio;
