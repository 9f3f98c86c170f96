-- There is no way to "unvalidate": the constraint is made again as 0009 made it.

ALTER TABLE users DROP CONSTRAINT users_bio_length_check;
ALTER TABLE users ADD CONSTRAINT users_bio_length_check CHECK (char_length(bio) <= 160) NOT VALID;
