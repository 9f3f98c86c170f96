-- A word to somebody.
-- returns: value

SELECT greeting(%(name)s) AS said
