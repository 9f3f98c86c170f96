-- The number on the bell: how much happened to a person since they last looked. What is counted is what
-- users.notifications shows as new at the moment %(now)s.
-- returns: value
-- plan: index_for=activities,users,likes,reposts,follows buffers=100

SELECT count(*) AS unseen_count
FROM notifications AS n
INNER JOIN users AS recipient ON n.recipient_uuid = recipient.uuid
LEFT JOIN activities AS a ON n.activity_uuid = a.uuid
WHERE
    n.recipient_uuid = (
        SELECT u.uuid FROM users AS u
        WHERE u.cognito_user_id = %(cognito_user_id)s
    )
    AND (a.expires_at IS NULL OR a.expires_at > %(now)s)
    AND (n.created_at <= recipient.notifications_seen_at) IS NOT TRUE
