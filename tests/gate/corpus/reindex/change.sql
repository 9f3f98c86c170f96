REINDEX INDEX posts_likes_idx;
