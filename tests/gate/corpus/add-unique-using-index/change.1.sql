-- transactional: false

CREATE UNIQUE INDEX CONCURRENTLY posts_user_and_id_key ON posts (user_id, id);
