-- A new post.
-- returns: one

INSERT INTO posts (user_id, title, subtitle)
VALUES (%(user_id)s, %(title)s, 'sub')
RETURNING id, title, status
