ALTER DOMAIN percentage DROP CONSTRAINT percentage_is_there;
