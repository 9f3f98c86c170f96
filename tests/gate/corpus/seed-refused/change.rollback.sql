ALTER TABLE audit RENAME COLUMN happened TO what;
