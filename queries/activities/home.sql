-- The home feed of a person: what they and the people they follow posted, newest first. Replies are read in their
-- thread. Nobody is shown what has expired by the moment %(now)s. An unknown handle reads nobody: no rows.
--
-- The first page has neither before_created_at nor before_uuid; each next one has those of the row that the page
-- before ended with. So new posts shift nothing, and the last page costs what the first does: one page of each
-- person who is followed, out of the index that has their posts in this order.
-- returns: many
-- plan: index_for=activities,users,follows,likes,reposts buffers=400

WITH authors AS (
    SELECT reader.uuid
    FROM users AS reader
    WHERE lower(reader.handle) = lower(%(handle)s)
    UNION ALL
    SELECT f.followed_uuid
    FROM users AS reader
    INNER JOIN follows AS f ON reader.uuid = f.follower_uuid
    WHERE lower(reader.handle) = lower(%(handle)s)
)

SELECT
    a.uuid,
    u.handle,
    u.display_name,
    a.message,
    c.replies_count,
    c.reposts_count,
    c.likes_count,
    a.expires_at,
    a.created_at
FROM authors
INNER JOIN users AS u ON authors.uuid = u.uuid
INNER JOIN LATERAL (
    SELECT
        own.uuid,
        own.message,
        own.expires_at,
        own.created_at
    FROM activities AS own
    WHERE
        own.user_uuid = authors.uuid
        AND own.reply_to_activity_uuid IS NULL
        AND (own.expires_at IS NULL OR own.expires_at > %(now)s)
        AND (own.created_at, own.uuid) < (
            coalesce(%(before_created_at)s::timestamptz, 'infinity'),
            coalesce(%(before_uuid)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        )
    ORDER BY own.created_at DESC, own.uuid DESC
    LIMIT %(page_size)s
) AS a ON TRUE
INNER JOIN activity_counts AS c ON a.uuid = c.activity_uuid
ORDER BY a.created_at DESC, a.uuid DESC
LIMIT %(page_size)s
