-- How many there were in a year.
-- returns: value

SELECT count(*) AS events_count
FROM events AS e
WHERE e.year = %(year)s
