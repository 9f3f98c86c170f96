DROP TABLE post_counts;
ALTER TABLE users DROP COLUMN posts_count;
