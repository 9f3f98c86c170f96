UPDATE posts SET price = 1 WHERE status = 'draft';
