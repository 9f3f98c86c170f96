ALTER INDEX posts_likes_idx RENAME TO posts_by_likes;
