DROP INDEX posts_likes_idx;
