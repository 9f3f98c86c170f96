ALTER TABLE posts DROP COLUMN reviewer_id;
