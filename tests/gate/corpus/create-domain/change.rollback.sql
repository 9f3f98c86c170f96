DROP DOMAIN percentage;
