ALTER TABLE audit RENAME COLUMN what TO happened;
