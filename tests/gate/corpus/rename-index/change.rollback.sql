ALTER INDEX posts_by_likes RENAME TO posts_likes_idx;
