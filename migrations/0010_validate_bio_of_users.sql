-- Hold the rows that were there before 0009 to its constraint, while people read and write.
-- depends: 0009_add_bio_to_users

ALTER TABLE users VALIDATE CONSTRAINT users_bio_length_check;
