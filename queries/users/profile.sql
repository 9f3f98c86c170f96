-- What everybody may see of a person, by their handle in any case; the address and the Cognito id are not for others.
-- returns: maybe
-- plan: index_for=users,activities,follows buffers=25
-- cache: ttl=60s mode=bounded reads=activities,follows,users

SELECT
    u.uuid,
    u.handle,
    u.display_name,
    u.bio,
    c.activities_count,
    c.followers_count,
    c.following_count,
    u.created_at
FROM users AS u
INNER JOIN user_counts AS c ON u.uuid = c.user_uuid
WHERE lower(u.handle) = lower(%(handle)s)
