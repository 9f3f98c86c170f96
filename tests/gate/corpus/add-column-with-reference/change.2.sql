-- transactional: false

CREATE INDEX CONCURRENTLY audit_user_id_idx ON audit (user_id);
