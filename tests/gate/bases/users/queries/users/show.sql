-- One person.
-- returns: maybe

SELECT u.id, u.handle, u.bio
FROM users AS u
WHERE u.handle = %(handle)s
