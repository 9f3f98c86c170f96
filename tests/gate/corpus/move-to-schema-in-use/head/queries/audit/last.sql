-- What happened last.
-- returns: maybe

SELECT a.what
FROM blog.audit AS a
ORDER BY a.id DESC
LIMIT 1
