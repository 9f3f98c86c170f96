CREATE INDEX CONCURRENTLY posts_likes_idx ON posts (likes);
