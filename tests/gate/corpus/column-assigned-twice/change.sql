UPDATE posts SET likes = 1, likes = 2 WHERE id = 1;
