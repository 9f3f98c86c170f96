ALTER TABLE audit ADD COLUMN first text;
UPDATE audit SET first = (SELECT p.title FROM posts AS p LIMIT 1) WHERE id = 1;
