-- Where it happened.
-- returns: value

SELECT count(e.place) AS places_count
FROM events AS e
