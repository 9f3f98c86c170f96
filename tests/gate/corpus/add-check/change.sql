ALTER TABLE posts ADD CONSTRAINT posts_id_is_positive CHECK (id IS NOT NULL);
