-- The posts that a person likes, the last like first. Nobody is shown what has expired by the moment %(now)s.
-- An unknown handle likes nothing: no rows.
-- The first page has neither before_liked_at nor before_uuid; each next one has liked_at and uuid of the row that the
-- page before ended with.
-- returns: many
-- plan: index_for=activities,users,likes,reposts buffers=130

SELECT
    a.uuid,
    a.reply_to_activity_uuid,
    u.handle,
    u.display_name,
    a.message,
    c.replies_count,
    c.reposts_count,
    c.likes_count,
    a.expires_at,
    a.created_at,
    l.created_at AS liked_at
FROM likes AS l
INNER JOIN activities AS a ON l.activity_uuid = a.uuid
INNER JOIN users AS u ON a.user_uuid = u.uuid
INNER JOIN activity_counts AS c ON a.uuid = c.activity_uuid
WHERE
    l.user_uuid = (
        SELECT person.uuid FROM users AS person
        WHERE lower(person.handle) = lower(%(handle)s)
    )
    AND (a.expires_at IS NULL OR a.expires_at > %(now)s)
    AND (l.created_at, l.activity_uuid) < (
        coalesce(%(before_liked_at)s::timestamptz, 'infinity'),
        coalesce(%(before_uuid)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    )
ORDER BY l.created_at DESC, l.activity_uuid DESC
LIMIT %(page_size)s
