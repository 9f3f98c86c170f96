-- The metrics' tables: what DynamoDB's tables hold, and what is counted of it.
-- Who writes metrics needs USAGE on schema pgproof_metrics, and SELECT, INSERT, UPDATE and DELETE on all of its tables.
-- depends: 0013_watch_writes_for_the_cache

-- What metrics need in the database: what DynamoDB's tables hold, how far they were read, and what is counted.
--
-- State, then metrics. `item` mirrors a DynamoDB table, one row an item, and a row is only ever replaced by a newer
-- one: what comes late, twice or in another order changes nothing. `daily` follows `item` by a trigger in the
-- transaction that changed it, so it is right at every commit, whoever wrote. `shard` says how far the stream was read,
-- and is written by that same transaction.

-- There are never so many tables, segments of one, or readings of it, that an int would not do.
-- squawk-ignore-file prefer-bigint-over-int

CREATE SCHEMA pgproof_metrics;

CREATE TABLE pgproof_metrics.source (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    stream text,
    keys text[],
    epoch int NOT NULL DEFAULT 0,
    phase text NOT NULL DEFAULT 'new' CHECK (phase IN ('new', 'scanning', 'live')),
    mappings text NOT NULL DEFAULT '',
    scan_began_at timestamptz,
    scan_ended_at timestamptz,
    exported_to timestamptz
);

CREATE TABLE pgproof_metrics.segment (
    source int REFERENCES pgproof_metrics.source ON DELETE CASCADE,
    number int,
    start_key text,
    items bigint NOT NULL DEFAULT 0,
    done boolean NOT NULL DEFAULT FALSE,
    PRIMARY KEY (source, number)
);

CREATE TABLE pgproof_metrics.shard (
    source int REFERENCES pgproof_metrics.source ON DELETE CASCADE,
    id text,
    parent text,
    sequence numeric(40, 0),
    read_to timestamptz,
    closed boolean NOT NULL DEFAULT FALSE,
    since timestamptz NOT NULL DEFAULT now(),
    listed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, id)
);

-- The key is a hash, for DynamoDB's keys are longer than an index takes. The image is DynamoDB's JSON, in which
-- numbers are text, so nothing is rounded. A deleted item stays, for a late record must not bring it back.
--
-- No foreign key, which would cost a look-up an item: whoever writes holds the row of the source, and forget_items goes
-- after one that is deleted. An update of an item that stays touches no index: gone_at is there for that.
CREATE TABLE pgproof_metrics.item (
    source int,
    key bytea,
    epoch int NOT NULL,
    sequence numeric(40, 0) NOT NULL,
    deleted boolean NOT NULL DEFAULT FALSE,
    expired boolean NOT NULL DEFAULT FALSE,
    image jsonb,
    facts jsonb,
    problem text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    gone_at timestamptz GENERATED ALWAYS AS (CASE WHEN deleted AND facts IS NULL THEN changed_at END) STORED,
    PRIMARY KEY (source, key)
) WITH (fillfactor = 90);

CREATE INDEX item_with_a_problem ON pgproof_metrics.item (source) WHERE problem IS NOT NULL;
CREATE INDEX item_that_is_gone ON pgproof_metrics.item (source, gone_at) WHERE gone_at IS NOT NULL;

CREATE FUNCTION pgproof_metrics.forget_items() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF tg_op = 'TRUNCATE' THEN
        TRUNCATE pgproof_metrics.item;
    ELSE
        DELETE FROM pgproof_metrics.item WHERE source = old.id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER forget_items AFTER DELETE ON pgproof_metrics.source
FOR EACH ROW EXECUTE FUNCTION pgproof_metrics.forget_items();

CREATE TRIGGER forget_all_items AFTER TRUNCATE ON pgproof_metrics.source
FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.forget_items();

CREATE TABLE pgproof_metrics.dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source int NOT NULL REFERENCES pgproof_metrics.source ON DELETE CASCADE,
    epoch int NOT NULL,
    record text NOT NULL,
    hash bytea NOT NULL,
    reason text NOT NULL,
    arrived_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source, hash)
);

CREATE TABLE pgproof_metrics.metric (
    name text COLLATE "C" PRIMARY KEY,
    mapping text NOT NULL,
    measure text NOT NULL CHECK (measure IN ('count', 'sum', 'distinct')),
    field text,
    dimensions text[] NOT NULL DEFAULT '{}',
    definition text NOT NULL DEFAULT '',
    refreshed_at timestamptz
);

CREATE TABLE pgproof_metrics.daily (
    metric text COLLATE "C" REFERENCES pgproof_metrics.metric ON DELETE CASCADE,
    day date,
    dimensions jsonb DEFAULT '{}',
    value numeric NOT NULL,
    items bigint NOT NULL,
    PRIMARY KEY (metric, day, dimensions)
) WITH (fillfactor = 70);

COMMENT ON TABLE pgproof_metrics.daily IS 'The metrics: value of a metric on a day, over so many items.';

-- How many items of a day have one value, by its hash: a distinct value counts as long as there is one. Only the
-- trigger writes here, so there is no foreign key to look up for each.
CREATE TABLE pgproof_metrics.member (
    metric text COLLATE "C",
    day date,
    dimensions jsonb,
    member bytea,
    items bigint NOT NULL,
    PRIMARY KEY (metric, day, dimensions, member)
) WITH (fillfactor = 80);

-- What the facts of one item add to metrics.
-- facts: {"<mapping>": {"day": "2023-02-01", "with": {"<attribute>": "text"}}}
CREATE FUNCTION pgproof_metrics.contributions(facts jsonb)
RETURNS TABLE (metric text, day date, dimensions jsonb, member bytea, amount numeric)
LANGUAGE sql STABLE
AS $$
    SELECT m.name,
        (fact.said ->> 'day')::date,
        CASE m.dimensions WHEN '{}' THEN '{}' ELSE
            (SELECT jsonb_object_agg(d, fact.said -> 'with' -> d) FROM unnest(m.dimensions) AS d)
        END,
        CASE m.measure WHEN 'distinct' THEN sha256(convert_to(fact.said -> 'with' ->> m.field, 'UTF8')) END,
        CASE m.measure WHEN 'sum' THEN (fact.said -> 'with' ->> m.field)::numeric ELSE 1 END
    FROM pgproof_metrics.metric AS m CROSS JOIN LATERAL (SELECT facts -> m.mapping) AS fact (said)
    WHERE fact.said IS NOT NULL AND (m.measure = 'count' OR fact.said -> 'with' ->> m.field IS NOT NULL)
$$;

-- The metrics as they follow from all items, computed anew: what `daily` has to be equal to.
CREATE VIEW pgproof_metrics.from_scratch AS
SELECT
    c.metric,
    c.day,
    c.dimensions,
    CASE WHEN count(c.member) > 0 THEN count(DISTINCT c.member) ELSE sum(c.amount) END AS value,
    count(*) AS items
FROM pgproof_metrics.item AS i
CROSS JOIN LATERAL pgproof_metrics.contributions(i.facts) AS c
WHERE i.facts IS NOT NULL
GROUP BY c.metric, c.day, c.dimensions;

CREATE TYPE pgproof_metrics.net AS (
    metric text, day date, dimensions jsonb, member bytea, items bigint, amount numeric
);

-- Facts that items have now, and had before, in; `member` and `daily` brought up to the difference.
-- One plan serves any number of them: to plan anew, or to compile, would take longer than to count.
CREATE FUNCTION pgproof_metrics.count_change(gained jsonb[], lost jsonb[], sources int[]) RETURNS void
LANGUAGE plpgsql
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    nets pgproof_metrics.net[];
    gone_members pgproof_metrics.member[];
    gone_days pgproof_metrics.daily[];
BEGIN
    -- An array, for Postgres knows its length, and so looks up the few rows that are meant instead of reading them all.
    SELECT array_agg(net) INTO nets FROM (
        SELECT c.metric, c.day, c.dimensions, c.member, sum(change.times)::bigint, sum(change.times * c.amount)
        FROM (
            SELECT each.facts, sum(each.sign) AS times
            FROM (SELECT 1 AS sign, unnest(gained) AS facts UNION ALL SELECT -1, unnest(lost)) AS each
            GROUP BY each.facts HAVING sum(each.sign) <> 0
        ) AS change
        CROSS JOIN LATERAL pgproof_metrics.contributions(change.facts) AS c
        GROUP BY 1, 2, 3, 4
        HAVING sum(change.times) <> 0 OR sum(change.times * c.amount) <> 0
    ) AS net;
    IF nets IS NULL THEN
        RETURN;
    END IF;
    -- One writer of a source counts at a time. A statement that both adds and updates items comes here twice, so no order
    -- of rows would keep two writers from waiting for each other; and for the row of today they wait all the same.
    PERFORM pg_advisory_xact_lock(hashtext('pgproof_metrics.item'), source)
    FROM (SELECT DISTINCT source FROM unnest(sources) AS source ORDER BY source) AS each;
    WITH net AS MATERIALIZED (
        SELECT * FROM unnest(nets)
    ), members AS (
        INSERT INTO pgproof_metrics.member AS kept (metric, day, dimensions, member, items)
        SELECT metric, day, dimensions, member, items FROM net WHERE member IS NOT NULL
        ON CONFLICT (metric, day, dimensions, member) DO UPDATE SET items = kept.items + excluded.items
        RETURNING *
    ), total AS (
        SELECT metric, day, dimensions, amount AS value, items FROM net WHERE member IS NULL
        UNION ALL
        SELECT metric, day, dimensions,
            count(*) FILTER (WHERE m.items = net.items) - count(*) FILTER (WHERE m.items = 0), sum(net.items)
        FROM members AS m JOIN net USING (metric, day, dimensions, member)
        GROUP BY 1, 2, 3
    ), days AS (
        INSERT INTO pgproof_metrics.daily AS kept (metric, day, dimensions, value, items)
        SELECT metric, day, dimensions, value, items FROM total
        ON CONFLICT (metric, day, dimensions) DO UPDATE
        SET value = kept.value + excluded.value, items = kept.items + excluded.items
        RETURNING *
    )
    SELECT (SELECT array_agg(m::pgproof_metrics.member) FROM members AS m WHERE m.items = 0),
        (SELECT array_agg(d::pgproof_metrics.daily) FROM days AS d WHERE d.items = 0)
    INTO gone_members, gone_days;
    IF gone_members IS NOT NULL THEN
        DELETE FROM pgproof_metrics.member AS kept USING unnest(gone_members) AS gone
        WHERE (kept.metric, kept.day, kept.dimensions, kept.member)
            = (gone.metric, gone.day, gone.dimensions, gone.member);
    END IF;
    IF gone_days IS NOT NULL THEN
        DELETE FROM pgproof_metrics.daily AS kept USING unnest(gone_days) AS gone
        WHERE (kept.metric, kept.day, kept.dimensions) = (gone.metric, gone.day, gone.dimensions);
    END IF;
END $$;

CREATE FUNCTION pgproof_metrics.follow_items() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
    has jsonb[] = '{}';
    had jsonb[] = '{}';
    sources int[] = '{}';
BEGIN
    IF current_setting('pgproof_metrics.paused', true) = 'on' THEN
        RETURN NULL; -- who paused it counts everything anew in the same transaction
    END IF;
    IF tg_op <> 'DELETE' THEN
        has = ARRAY(SELECT facts FROM gained WHERE facts IS NOT NULL);
        sources = ARRAY(SELECT DISTINCT source FROM gained);
    END IF;
    IF tg_op <> 'INSERT' THEN
        had = ARRAY(SELECT facts FROM lost WHERE facts IS NOT NULL);
        sources = sources || ARRAY(SELECT DISTINCT source FROM lost);
    END IF;
    IF has <> had THEN
        PERFORM pgproof_metrics.count_change(has, had, sources);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER count_gained AFTER INSERT ON pgproof_metrics.item
REFERENCING NEW TABLE AS gained FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.follow_items();

CREATE TRIGGER count_changed AFTER UPDATE ON pgproof_metrics.item
REFERENCING OLD TABLE AS lost NEW TABLE AS gained
FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.follow_items();

CREATE TRIGGER count_lost AFTER DELETE ON pgproof_metrics.item
REFERENCING OLD TABLE AS lost FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.follow_items();

CREATE FUNCTION pgproof_metrics.forget_counts() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    DELETE FROM pgproof_metrics.member;
    DELETE FROM pgproof_metrics.daily AS kept USING pgproof_metrics.metric AS m
    WHERE kept.metric = m.name AND m.definition = '';
    RETURN NULL;
END $$;

CREATE TRIGGER count_nothing AFTER TRUNCATE ON pgproof_metrics.item
FOR EACH STATEMENT EXECUTE FUNCTION pgproof_metrics.forget_counts();
