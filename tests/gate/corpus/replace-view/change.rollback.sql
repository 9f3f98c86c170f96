DROP VIEW published;
CREATE VIEW published AS SELECT p.id, p.title FROM posts AS p WHERE NOT p.is_draft;
