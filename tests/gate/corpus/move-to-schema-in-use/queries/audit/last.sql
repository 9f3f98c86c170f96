-- What happened last.
-- returns: maybe

SELECT a.what
FROM audit AS a
ORDER BY a.id DESC
LIMIT 1
