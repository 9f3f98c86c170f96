ALTER TABLE audit ADD COLUMN extra json;
