ALTER TABLE posts DROP CONSTRAINT posts_user_and_id_key;
