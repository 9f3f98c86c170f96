-- A new post.
-- returns: one

INSERT INTO posts (user_id, title, slug)
VALUES (%(user_id)s, %(title)s, 'slug')
RETURNING id, title, status
