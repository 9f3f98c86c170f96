CREATE OR REPLACE VIEW published AS
SELECT p.id, p.title FROM posts AS p
WHERE NOT p.is_draft AND (SELECT count(*) FROM posts AS q WHERE q.id = p.id) = 1;
