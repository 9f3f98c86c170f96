-- Take back what one wrote: 1, or 0 where there is no such post or it is somebody else's. Its likes and reposts go with
-- it; what answers it stays, as posts of other people.
-- returns: affected
-- cache: bumps=activities,likes,reposts

DELETE FROM activities AS a
USING users AS u
WHERE
    a.user_uuid = u.uuid
    AND a.uuid = %(uuid)s
    AND u.cognito_user_id = %(cognito_user_id)s
