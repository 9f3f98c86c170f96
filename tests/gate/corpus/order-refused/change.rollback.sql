DROP VIEW cities;
