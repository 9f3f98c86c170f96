CREATE OR REPLACE VIEW places AS SELECT e.place FROM events AS e;
