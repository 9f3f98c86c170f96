ALTER DOMAIN percentage ADD CONSTRAINT percentage_is_positive CHECK (value IS NOT NULL);
