-- transactional: false
-- irreversible: Postgres cannot take a label out of an enum

ALTER TYPE mood ADD VALUE IF NOT EXISTS 'angry' AFTER 'cross';
