-- phase: post

ALTER TABLE events ADD COLUMN place text;
