DROP FUNCTION greeting(text);
CREATE FUNCTION greeting(name text, word text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT word || ' ' || name $$;
