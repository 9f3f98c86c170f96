-- What the cache needs in the database: which table was written to, noted by the very transaction that wrote.
--
-- Each watched table has a trigger a statement, so nobody can write past it: not the application, not psql, no
-- ON DELETE CASCADE. The trigger adds a row, so writers never wait for each other as they would for a counter.
-- A table's version is a sum, which a commit changes by a random amount: no version ever comes back, also not after a
-- restore, and `compact` may add up rows at any time without changing it.

CREATE SCHEMA pgproof_cache;

CREATE TABLE pgproof_cache.tables (
    name text PRIMARY KEY,
    version numeric NOT NULL DEFAULT hashtextextended(gen_random_uuid()::text, 0)
);

INSERT INTO pgproof_cache.tables (name) VALUES ('catalog');

CREATE TABLE pgproof_cache.writes (
    name text,
    step bigint DEFAULT hashtextextended(gen_random_uuid()::text, 0),
    PRIMARY KEY (name, step)
);

CREATE TABLE pgproof_cache.deliveries (
    store text,
    name text REFERENCES pgproof_cache.tables ON DELETE CASCADE,
    version numeric NOT NULL,
    PRIMARY KEY (store, name)
);

CREATE INDEX deliveries_by_name ON pgproof_cache.deliveries (name);

CREATE TABLE pgproof_cache.processes (
    process uuid PRIMARY KEY,
    report jsonb NOT NULL,
    reported_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNLOGGED TABLE pgproof_cache.entries (
    role name DEFAULT current_user,
    key bytea,
    value bytea NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (role, key)
);

CREATE INDEX entries_by_expiry ON pgproof_cache.entries (expires_at);

-- A result has rows that not every role may read, and who could write one could have others believe it.
ALTER TABLE pgproof_cache.entries ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON pgproof_cache.entries USING (role = current_user);

COMMENT ON SCHEMA pgproof_cache IS 'What pgproof''s cache knows of writes.';
COMMENT ON TABLE pgproof_cache.tables IS 'Watched tables, and queries that were flushed; one row each.';
COMMENT ON COLUMN pgproof_cache.tables.version IS 'The sum of all steps that were added up already.';
COMMENT ON TABLE pgproof_cache.writes IS 'Statements that wrote, and are not added up yet.';
COMMENT ON COLUMN pgproof_cache.writes.step IS 'By how much it changes the version: random, so none comes back.';
COMMENT ON TABLE pgproof_cache.deliveries IS 'The outbox: up to which version a store outside was told.';
COMMENT ON TABLE pgproof_cache.processes IS 'What each process of the application counts; one row each.';
COMMENT ON TABLE pgproof_cache.entries IS 'Results, where Postgres is the backend; empty after a crash.';
COMMENT ON COLUMN pgproof_cache.entries.key IS 'UTF-8, whatever the database''s encoding and collation.';

-- Owned by who migrates, so that no application needs a right of its own.
CREATE FUNCTION pgproof_cache.note_write() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO pgproof_cache.writes (name) VALUES (TG_ARGV[0]);
    RETURN NULL;
END $$;

CREATE FUNCTION pgproof_cache.note_migration() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO pgproof_cache.writes (name) SELECT name FROM pgproof_cache.tables;
    RETURN NULL;
END $$;

CREATE FUNCTION pgproof_cache.compact() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_try_advisory_xact_lock(hashtextextended('pgproof_cache.compact', 0)) THEN
        WITH counted AS (
            DELETE FROM pgproof_cache.writes RETURNING name, step
        ), total AS (
            SELECT name, sum(step) AS step FROM counted GROUP BY name
        )
        UPDATE pgproof_cache.tables AS t SET version = t.version + total.step
        FROM total WHERE t.name = total.name;
    END IF;
END $$;

CREATE FUNCTION pgproof_cache.flush(flushed text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pgproof_cache.tables (name) SELECT unnest(flushed) ON CONFLICT DO NOTHING;
    INSERT INTO pgproof_cache.writes (name) SELECT unnest(flushed);
$$;

CREATE FUNCTION pgproof_cache.report(process uuid, report jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pgproof_cache.processes (process, report) VALUES ($1, $2)
    ON CONFLICT (process) DO UPDATE SET report = $2, reported_at = now();
    DELETE FROM pgproof_cache.processes WHERE reported_at < now() - interval '1 day';
$$;

-- A few at a time, so that nobody waits for it; also those of roles that are gone.
CREATE FUNCTION pgproof_cache.sweep() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM pgproof_cache.entries WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM pgproof_cache.entries WHERE expires_at <= now()
        ORDER BY expires_at LIMIT 100 FOR UPDATE SKIP LOCKED
    ));
$$;

GRANT USAGE ON SCHEMA pgproof_cache TO public;
GRANT SELECT, INSERT, UPDATE ON pgproof_cache.entries TO public;
GRANT SELECT ON pgproof_cache.tables, pgproof_cache.writes TO public;
