ALTER TABLE users ALTER COLUMN phone TYPE bigint USING replace(phone, '-', '')::bigint;
