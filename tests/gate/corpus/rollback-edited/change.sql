ALTER TABLE events ADD COLUMN place text;
