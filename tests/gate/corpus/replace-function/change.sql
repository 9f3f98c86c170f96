CREATE OR REPLACE FUNCTION greeting(name text) RETURNS text LANGUAGE sql STABLE AS $$ SELECT concat('Hello ', name) $$;
