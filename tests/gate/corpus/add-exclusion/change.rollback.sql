ALTER TABLE posts DROP CONSTRAINT posts_one_each;
