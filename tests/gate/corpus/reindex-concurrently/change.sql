-- transactional: false

REINDEX INDEX CONCURRENTLY posts_likes_idx;
