-- phase: post
-- allow: PG304 because nobody asks for it any more

ALTER TABLE users DROP COLUMN city;
