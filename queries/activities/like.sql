-- Like a post: 1 the first time, 0 whenever they like it already, and also where there is no such post or account.
-- returns: affected
-- cache: bumps=likes

INSERT INTO likes (activity_uuid, user_uuid)
SELECT
    a.uuid AS activity_uuid,
    u.uuid AS user_uuid
FROM activities AS a
CROSS JOIN users AS u
WHERE a.uuid = %(uuid)s AND u.cognito_user_id = %(cognito_user_id)s
ON CONFLICT DO NOTHING
