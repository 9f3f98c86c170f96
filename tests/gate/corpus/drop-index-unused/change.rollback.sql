CREATE INDEX posts_likes_idx ON posts (likes);
