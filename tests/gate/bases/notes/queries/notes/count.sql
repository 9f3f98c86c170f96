-- How many there are.
-- returns: value

SELECT count(*) AS notes_count
FROM notes AS n
