-- How many there are.
-- returns: value

SELECT count(*) AS tags_count
FROM tags AS t
