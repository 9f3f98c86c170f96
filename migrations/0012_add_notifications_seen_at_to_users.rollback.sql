-- All notifications count as new again.

ALTER TABLE users DROP COLUMN notifications_seen_at;
