ALTER TABLE events ADD COLUMN place text DEFAULT '';
UPDATE events SET place = 'first' WHERE id < 3 AND NOT (SELECT s.is_called FROM switch AS s);
SELECT setval('switch', 7);
