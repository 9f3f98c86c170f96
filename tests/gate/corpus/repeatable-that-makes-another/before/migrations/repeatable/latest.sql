CREATE OR REPLACE VIEW latest AS SELECT max(e.id) AS id FROM events AS e;
