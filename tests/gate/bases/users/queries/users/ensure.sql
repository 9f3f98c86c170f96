-- A person who signs up, once.
-- returns: affected

INSERT INTO users (handle, bio, email)
VALUES (%(handle)s, '', %(email)s)
ON CONFLICT (handle) DO NOTHING
