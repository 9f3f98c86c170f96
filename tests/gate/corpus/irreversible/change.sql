-- irreversible: an index more does no harm to the old release
-- transactional: false

CREATE INDEX CONCURRENTLY posts_title_idx ON posts (title);
