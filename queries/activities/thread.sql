-- A post and all that answers it, as it is read: each reply right below what it answers, the oldest first.
-- `place` is the way down to a post, by the moment of each: sorted by it, a reply follows what it answers.
-- What has expired by the moment %(now)s is left out, and the replies to it stay: they are other people's words.
-- It ends after %(page_size)s posts; what stands below any of them is a thread of its own.
-- returns: many
-- plan: index_for=activities,users,likes,reposts buffers=260

WITH RECURSIVE thread AS (
    SELECT
        root.uuid,
        0 AS reply_depth,
        ARRAY[ROW(root.created_at, root.uuid)] AS place
    FROM activities AS root
    WHERE root.uuid = %(uuid)s
    UNION ALL
    SELECT
        reply.uuid,
        thread.reply_depth + 1 AS reply_depth,
        thread.place || ROW(reply.created_at, reply.uuid) AS place
    FROM thread
    INNER JOIN activities AS reply ON thread.uuid = reply.reply_to_activity_uuid
)

SELECT
    a.uuid,
    t.reply_depth,
    a.reply_to_activity_uuid,
    u.handle,
    u.display_name,
    a.message,
    c.replies_count,
    c.reposts_count,
    c.likes_count,
    a.expires_at,
    a.created_at
FROM thread AS t
INNER JOIN activities AS a ON t.uuid = a.uuid
INNER JOIN users AS u ON a.user_uuid = u.uuid
INNER JOIN activity_counts AS c ON a.uuid = c.activity_uuid
WHERE (a.expires_at IS NULL OR a.expires_at > %(now)s)
ORDER BY t.place
LIMIT %(page_size)s
