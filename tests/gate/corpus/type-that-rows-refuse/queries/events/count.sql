-- How many there are.
-- returns: value

SELECT count(*) AS events_count
FROM events AS e
