GRANT INSERT ON notes TO corpus_application;
