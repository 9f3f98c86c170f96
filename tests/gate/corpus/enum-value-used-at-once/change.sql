-- irreversible: Postgres cannot take a label out of an enum

ALTER TYPE mood ADD VALUE 'angry' AFTER 'cross';
ALTER TABLE users ALTER COLUMN mood SET DEFAULT 'angry';
