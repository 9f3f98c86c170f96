ALTER DOMAIN percentage ADD CONSTRAINT percentage_is_there CHECK (value IS NOT NULL) NOT VALID;
