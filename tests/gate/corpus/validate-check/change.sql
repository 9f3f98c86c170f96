ALTER TABLE posts VALIDATE CONSTRAINT posts_title_is_there;
