ALTER TABLE posts ADD CONSTRAINT posts_user_and_id_key UNIQUE (user_id, id);
