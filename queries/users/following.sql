-- Whom a person reads, by handle, whatever its case. An unknown handle reads nobody: no rows.
-- On the first page after_handle is NULL; on each next one it is the handle that the page before ended with.
-- returns: many
-- plan: index_for=follows,users buffers=10
-- cache: ttl=60s mode=strict reads=follows,users

SELECT
    u.uuid,
    u.handle,
    u.display_name,
    u.bio,
    f.created_at AS followed_at
FROM follows AS f
INNER JOIN users AS u ON f.followed_uuid = u.uuid
WHERE
    f.follower_uuid = (
        SELECT follower.uuid FROM users AS follower
        WHERE lower(follower.handle) = lower(%(handle)s)
    )
    AND lower(u.handle) > lower(coalesce(%(after_handle)s, ''))
ORDER BY lower(u.handle)
LIMIT %(page_size)s
