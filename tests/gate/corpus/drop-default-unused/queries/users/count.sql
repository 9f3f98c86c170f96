-- How many there are.
-- returns: value

SELECT count(*) AS users_count
FROM users AS u
