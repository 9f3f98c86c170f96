-- What all may read.
-- returns: many

SELECT v.id, v.title
FROM published AS v
ORDER BY v.id
