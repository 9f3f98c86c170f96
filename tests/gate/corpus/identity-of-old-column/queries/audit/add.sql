-- Something happened.
-- returns: affected

INSERT INTO audit (id, what)
VALUES (%(id)s, 'it happened')
