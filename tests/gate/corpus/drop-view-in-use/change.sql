DROP VIEW published;
