-- Take a like back: 1 if there was one, 0 if not, and also where there is no such post or account.
-- returns: affected
-- cache: bumps=likes

DELETE FROM likes AS l
USING users AS u
WHERE
    l.user_uuid = u.uuid
    AND l.activity_uuid = %(uuid)s
    AND u.cognito_user_id = %(cognito_user_id)s
