ALTER TABLE users ALTER COLUMN seen_at TYPE timestamptz;
