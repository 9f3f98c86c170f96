-- A new post.
-- returns: one

INSERT INTO posts (user_id, title, status)
VALUES (%(user_id)s, %(title)s, 'draft')
RETURNING id, title, status
