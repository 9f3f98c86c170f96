-- Who reads a person, the latest first. An unknown handle has no readers: no rows.
-- The first page has neither before_followed_at nor before_uuid; each next one has followed_at and uuid of the row that
-- the page before ended with.
-- returns: many
-- plan: index_for=follows,users buffers=15
-- cache: ttl=60s mode=bounded stale=60s reads=follows,users

SELECT
    u.uuid,
    u.handle,
    u.display_name,
    u.bio,
    f.created_at AS followed_at
FROM follows AS f
INNER JOIN users AS u ON f.follower_uuid = u.uuid
WHERE
    f.followed_uuid = (
        SELECT followed.uuid FROM users AS followed
        WHERE lower(followed.handle) = lower(%(handle)s)
    )
    AND (f.created_at, f.follower_uuid) < (
        coalesce(%(before_followed_at)s::timestamptz, 'infinity'),
        coalesce(%(before_uuid)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    )
ORDER BY f.created_at DESC, f.follower_uuid DESC
LIMIT %(page_size)s
