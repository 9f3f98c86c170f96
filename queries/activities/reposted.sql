-- The posts that a person passed on, the last one first. Nobody is shown what has expired by the moment %(now)s.
-- An unknown handle passed nothing on: no rows.
-- The first page has neither before_reposted_at nor before_uuid; each next one has reposted_at and uuid of the row
-- that the page before ended with.
-- returns: many
-- plan: index_for=activities,users,likes,reposts buffers=110

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
    r.created_at AS reposted_at
FROM reposts AS r
INNER JOIN activities AS a ON r.activity_uuid = a.uuid
INNER JOIN users AS u ON a.user_uuid = u.uuid
INNER JOIN activity_counts AS c ON a.uuid = c.activity_uuid
WHERE
    r.user_uuid = (
        SELECT person.uuid FROM users AS person
        WHERE lower(person.handle) = lower(%(handle)s)
    )
    AND (a.expires_at IS NULL OR a.expires_at > %(now)s)
    AND (r.created_at, r.activity_uuid) < (
        coalesce(%(before_reposted_at)s::timestamptz, 'infinity'),
        coalesce(%(before_uuid)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    )
ORDER BY r.created_at DESC, r.activity_uuid DESC
LIMIT %(page_size)s
