ALTER TABLE posts ADD CONSTRAINT posts_price_is_there NOT NULL price NOT VALID;
