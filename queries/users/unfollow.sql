-- Read somebody no more: 1 if they were read, 0 if not, and also where there is no such handle or account.
-- returns: affected
-- cache: bumps=follows

DELETE FROM follows AS f
USING users AS follower, users AS followed
WHERE
    f.follower_uuid = follower.uuid
    AND f.followed_uuid = followed.uuid
    AND follower.cognito_user_id = %(cognito_user_id)s
    AND lower(followed.handle) = lower(%(handle)s)
