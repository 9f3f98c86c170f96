REVOKE SELECT ON notes FROM corpus_application;
