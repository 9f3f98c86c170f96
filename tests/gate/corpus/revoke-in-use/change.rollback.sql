GRANT SELECT ON notes TO corpus_application;
