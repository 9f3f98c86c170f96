-- Read somebody from now on: 1 the first time, 0 whenever they already do, and also where there is no such handle or
-- account. Nobody follows themselves (23514).
-- returns: affected
-- cache: bumps=follows

INSERT INTO follows (follower_uuid, followed_uuid)
SELECT
    follower.uuid AS follower_uuid,
    followed.uuid AS followed_uuid
FROM users AS follower
CROSS JOIN users AS followed
WHERE follower.cognito_user_id = %(cognito_user_id)s AND lower(followed.handle) = lower(%(handle)s)
ON CONFLICT DO NOTHING
