REVOKE INSERT ON notes FROM corpus_application;
