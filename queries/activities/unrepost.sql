-- Take a repost back: 1 if there was one, 0 if not, and also where there is no such post or account.
-- returns: affected

DELETE FROM reposts AS r
USING users AS u
WHERE
    r.user_uuid = u.uuid
    AND r.activity_uuid = %(uuid)s
    AND u.cognito_user_id = %(cognito_user_id)s
