ALTER TABLE posts DROP CONSTRAINT posts_id_is_positive;
