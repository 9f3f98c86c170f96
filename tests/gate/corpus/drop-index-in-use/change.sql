-- transactional: false

DROP INDEX CONCURRENTLY IF EXISTS posts_created_at_idx;
