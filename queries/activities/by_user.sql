-- What a person wrote, posts and replies alike, newest first: the list on their profile. Nobody is shown what has
-- expired by the moment %(now)s. An unknown handle wrote nothing: no rows.
-- Its pages follow each other as those of activities.home do.
-- returns: many
-- plan: index_for=activities,users,likes,reposts buffers=120

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
    a.created_at
FROM activities AS a
INNER JOIN users AS u ON a.user_uuid = u.uuid
INNER JOIN activity_counts AS c ON a.uuid = c.activity_uuid
WHERE
    a.user_uuid = (
        SELECT author.uuid FROM users AS author
        WHERE lower(author.handle) = lower(%(handle)s)
    )
    AND (a.expires_at IS NULL OR a.expires_at > %(now)s)
    AND (a.created_at, a.uuid) < (
        coalesce(%(before_created_at)s::timestamptz, 'infinity'),
        coalesce(%(before_uuid)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
    )
ORDER BY a.created_at DESC, a.uuid DESC
LIMIT %(page_size)s
