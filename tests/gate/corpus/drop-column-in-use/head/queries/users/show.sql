-- One person.
-- returns: maybe

SELECT u.id, u.handle
FROM users AS u
WHERE u.handle = %(handle)s
