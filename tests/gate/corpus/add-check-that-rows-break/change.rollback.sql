ALTER TABLE posts DROP CONSTRAINT posts_title_is_there;
