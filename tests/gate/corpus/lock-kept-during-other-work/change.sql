ALTER TABLE users ADD COLUMN posts_count bigint;
CREATE TABLE post_counts (user_id bigint PRIMARY KEY, posts_count bigint NOT NULL);
INSERT INTO post_counts (user_id, posts_count)
SELECT p.user_id, count(*) FROM posts AS p GROUP BY p.user_id;
