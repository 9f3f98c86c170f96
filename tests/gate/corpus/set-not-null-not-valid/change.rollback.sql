ALTER TABLE posts DROP CONSTRAINT posts_price_is_there;
