-- Undoes 0013_watch_writes_for_the_cache: afterwards the catalog is as it was before.

DROP SCHEMA pgproof_cache CASCADE;
