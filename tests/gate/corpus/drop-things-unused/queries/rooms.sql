-- How many there are.
-- returns: value

SELECT count(*) AS rooms_count
FROM rooms AS r
