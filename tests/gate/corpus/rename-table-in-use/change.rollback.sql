ALTER TABLE articles RENAME TO posts;
