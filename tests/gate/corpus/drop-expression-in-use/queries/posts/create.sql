-- A new post.
-- returns: one

INSERT INTO posts (title)
VALUES (%(title)s)
RETURNING title, size
