SELECT setval('posts_id_seq', (SELECT max(p.id) FROM posts AS p));
