ALTER TABLE posts DROP CONSTRAINT posts_user_and_id_key;
CREATE UNIQUE INDEX posts_user_and_id_key ON posts (user_id, id);
