-- The newest posts.
-- returns: many

SELECT p.id, p.title, p.status, u.handle
FROM posts AS p
JOIN users AS u ON u.id = p.user_id
ORDER BY p.created_at DESC, p.id
LIMIT 5
