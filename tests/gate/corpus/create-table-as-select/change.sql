CREATE TABLE audit_archive (id bigint PRIMARY KEY, what text NOT NULL);
INSERT INTO audit_archive (id, what) SELECT a.id, a.what FROM audit AS a;
