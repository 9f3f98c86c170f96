-- A person who signs up, once.
-- returns: affected

INSERT INTO users (handle, bio, email)
SELECT %(handle)s::text, '', %(email)s
WHERE NOT EXISTS (SELECT FROM users AS u WHERE u.handle = %(handle)s::text)
