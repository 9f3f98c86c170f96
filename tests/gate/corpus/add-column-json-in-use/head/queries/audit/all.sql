-- What happened.
-- returns: many

SELECT DISTINCT a.id, a.what
FROM audit AS a
ORDER BY a.id
