CREATE OR REPLACE VIEW published AS SELECT p.id, p.title, length(p.title) AS size FROM posts AS p WHERE NOT p.is_draft;
