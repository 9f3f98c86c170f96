-- A new post.
-- returns: one

INSERT INTO posts (user_id, title, editor_id)
VALUES (%(user_id)s, %(title)s, 1)
RETURNING id, title, status
