-- Something happened.
-- returns: affected

INSERT INTO audit (id, what)
OVERRIDING SYSTEM VALUE
VALUES (%(id)s, 'it happened')
