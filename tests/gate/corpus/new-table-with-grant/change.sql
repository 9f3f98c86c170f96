CREATE TABLE tags (id bigint PRIMARY KEY, name text NOT NULL);
GRANT SELECT ON tags TO corpus_application;
