-- One person.
-- returns: maybe

SELECT u.id, u.handle, u.about AS bio
FROM users AS u
WHERE u.handle = %(handle)s
