-- What happened.
-- returns: many

SELECT DISTINCT a.*
FROM audit AS a
ORDER BY a.id
