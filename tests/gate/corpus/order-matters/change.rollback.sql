DROP VIEW all_posts;
