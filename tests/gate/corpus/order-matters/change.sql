CREATE VIEW all_posts AS SELECT * FROM posts;
