-- Who likes a post, the last one first. No such post: no rows.
-- The first page has neither before_liked_at nor before_uuid; each next one has liked_at and uuid of the row that the
-- page before ended with.
-- returns: many
-- plan: index_for=likes,users buffers=50
-- cache: ttl=60s mode=bounded reads=likes,users

SELECT
    u.uuid,
    u.handle,
    u.display_name,
    l.created_at AS liked_at
FROM likes AS l
INNER JOIN users AS u ON l.user_uuid = u.uuid
WHERE
    l.activity_uuid = %(uuid)s
    AND (l.created_at, l.user_uuid) < (
        coalesce(%(before_liked_at)s::timestamptz, 'infinity'),
        coalesce(%(before_uuid)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    )
ORDER BY l.created_at DESC, l.user_uuid DESC
LIMIT %(page_size)s
