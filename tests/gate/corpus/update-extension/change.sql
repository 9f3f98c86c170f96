-- irreversible: an extension has no way down

ALTER EXTENSION pg_trgm UPDATE;
