-- The number on the bell: how much happened to a person since they last looked.
-- returns: value

SELECT count(*) AS unseen_count
FROM notifications AS n
INNER JOIN users AS recipient ON n.recipient_uuid = recipient.uuid
WHERE
    n.recipient_uuid = (
        SELECT u.uuid FROM users AS u
        WHERE u.cognito_user_id = %(cognito_user_id)s
    )
    AND (n.created_at <= recipient.notifications_seen_at) IS NOT TRUE
