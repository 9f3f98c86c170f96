-- Whether it is one.
-- returns: value

SELECT 7::percentage IS NOT NULL AND 'small'::size < 'large'::size AS is_fit
