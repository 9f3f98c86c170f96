-- The next ticket.
-- returns: value

SELECT nextval('tickets') > 0 AS is_there
