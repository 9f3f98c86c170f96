-- How much two words have in common.
-- returns: value

SELECT similarity('word', %(word)s)::text AS similarity
