CREATE OR REPLACE VIEW newest AS SELECT max(e.id) AS id FROM events AS e;
