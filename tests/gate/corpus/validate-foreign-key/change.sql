ALTER TABLE posts VALIDATE CONSTRAINT posts_user_id_fkey;
