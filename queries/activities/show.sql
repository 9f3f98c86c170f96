-- One post on a page of its own. Who looks at it is known by the sub claim of their Cognito token, or NULL for somebody
-- who has not signed in, and so has neither liked it nor passed it on.
-- A post that was deleted, or has expired by the moment %(now)s, is none.
-- returns: maybe
-- plan: index_for=activities,users,likes,reposts buffers=70

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
    EXISTS(
        SELECT 1 FROM likes AS l
        INNER JOIN users AS reader ON l.user_uuid = reader.uuid
        WHERE l.activity_uuid = a.uuid AND reader.cognito_user_id = %(cognito_user_id)s
    ) AS liked_by_reader,
    EXISTS(
        SELECT 1 FROM reposts AS r
        INNER JOIN users AS reader ON r.user_uuid = reader.uuid
        WHERE r.activity_uuid = a.uuid AND reader.cognito_user_id = %(cognito_user_id)s
    ) AS reposted_by_reader
FROM activities AS a
INNER JOIN users AS u ON a.user_uuid = u.uuid
INNER JOIN activity_counts AS c ON a.uuid = c.activity_uuid
WHERE a.uuid = %(uuid)s AND (a.expires_at IS NULL OR a.expires_at > %(now)s)
