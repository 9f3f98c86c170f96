-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS posts_likes_idx;
