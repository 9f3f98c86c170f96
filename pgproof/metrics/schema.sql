-- What metrics need in the database: what DynamoDB's tables hold, how far their streams were read, and what is counted.
--
-- State, then metrics. `item` mirrors a DynamoDB table, one row an item, and a row is only ever replaced by a newer one:
-- what comes late, twice or in another order changes nothing. `daily` follows `item` by a trigger in the transaction
-- that changed it, so it is right at every commit, whoever wrote. `shard` says how far the stream was read, and is
-- written by that same transaction.

CREATE SCHEMA pgproof_metrics;

CREATE TABLE pgproof_metrics.source (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    stream text,
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
    done boolean NOT NULL DEFAULT false,
    PRIMARY KEY (source, number)
);

CREATE TABLE pgproof_metrics.shard (
    source int REFERENCES pgproof_metrics.source ON DELETE CASCADE,
    id text,
    parent text,
    sequence numeric(40, 0),
    read_to timestamptz,
    closed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (source, id)
);

-- The key is a hash, for DynamoDB's keys are longer than an index takes. The image is DynamoDB's JSON, in which
-- numbers are text, so nothing is rounded. A deleted item stays, for a late record must not bring it back.
CREATE TABLE pgproof_metrics.item (
    source int REFERENCES pgproof_metrics.source ON DELETE CASCADE,
    key bytea,
    epoch int NOT NULL,
    sequence numeric(40, 0) NOT NULL,
    deleted boolean NOT NULL DEFAULT false,
    expired boolean NOT NULL DEFAULT false,
    image jsonb,
    facts jsonb,
    problem text,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, key)
);

CREATE INDEX item_with_a_problem ON pgproof_metrics.item (source) WHERE problem IS NOT NULL;
CREATE INDEX item_that_is_gone ON pgproof_metrics.item (changed_at) WHERE deleted;

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
    name text PRIMARY KEY,
    mapping text NOT NULL,
    measure text NOT NULL CHECK (measure IN ('count', 'sum', 'distinct')),
    field text,
    dimensions text [] NOT NULL DEFAULT '{}',
    refreshed_at timestamptz
);

CREATE TABLE pgproof_metrics.daily (
    metric text REFERENCES pgproof_metrics.metric ON DELETE CASCADE,
    day date,
    dimensions jsonb DEFAULT '{}',
    value numeric NOT NULL,
    items bigint NOT NULL,
    PRIMARY KEY (metric, day, dimensions)
);

COMMENT ON TABLE pgproof_metrics.daily IS 'The metrics: value of a metric on a day, over so many items.';

-- How many items of a day have one value: a distinct value counts as long as there is one.
CREATE TABLE pgproof_metrics.member (
    metric text REFERENCES pgproof_metrics.metric ON DELETE CASCADE,
    day date,
    dimensions jsonb,
    member bytea,
    items bigint NOT NULL,
    PRIMARY KEY (metric, day, dimensions, member)
);

-- What the facts of one item add to metrics. facts: {"<mapping>": {"day": "2023-02-01", "with": {"<attribute>": "text"}}}
CREATE FUNCTION pgproof_metrics.contributions(facts jsonb)
RETURNS TABLE (metric text, day date, dimensions jsonb, member bytea, amount numeric)
LANGUAGE sql STABLE
AS $$
    SELECT m.name,
        (fact.said ->> 'day')::date,
        (SELECT coalesce(jsonb_object_agg(d, fact.said -> 'with' -> d), '{}') FROM unnest(m.dimensions) AS d),
        CASE m.measure WHEN 'distinct' THEN sha256(convert_to(fact.said -> 'with' ->> m.field, 'UTF8')) END,
        CASE m.measure WHEN 'sum' THEN (fact.said -> 'with' ->> m.field)::numeric ELSE 1 END
    FROM jsonb_each(facts) AS fact (mapping, said)
    JOIN pgproof_metrics.metric AS m ON m.mapping = fact.mapping
    WHERE m.measure = 'count' OR fact.said -> 'with' ->> m.field IS NOT NULL
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

CREATE FUNCTION pgproof_metrics.count_change(gained jsonb [], lost jsonb []) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF gained = '{}' AND lost = '{}' THEN
        RETURN;
    END IF;
    -- Rows are locked in the order of their keys, here and for items, so that two writers never wait for each other.
    WITH net AS MATERIALIZED (
        SELECT c.metric, c.day, c.dimensions, c.member, sum(change.sign)::bigint AS items,
            sum(change.sign * c.amount) AS amount
        FROM (SELECT 1 AS sign, unnest(gained) AS facts UNION ALL SELECT -1, unnest(lost)) AS change
        CROSS JOIN LATERAL pgproof_metrics.contributions(change.facts) AS c
        GROUP BY 1, 2, 3, 4
        HAVING sum(change.sign) <> 0 OR sum(change.sign * c.amount) <> 0
    ), members AS (
        INSERT INTO pgproof_metrics.member AS kept (metric, day, dimensions, member, items)
        SELECT metric, day, dimensions, member, items FROM net WHERE member IS NOT NULL ORDER BY 1, 2, 3, 4
        ON CONFLICT (metric, day, dimensions, member) DO UPDATE SET items = kept.items + excluded.items
        RETURNING metric, day, dimensions, member, items
    ), total AS (
        SELECT metric, day, dimensions, amount AS value, items FROM net WHERE member IS NULL
        UNION ALL
        SELECT metric, day, dimensions,
            count(*) FILTER (WHERE m.items = net.items) - count(*) FILTER (WHERE m.items = 0), sum(net.items)
        FROM members AS m JOIN net USING (metric, day, dimensions, member)
        GROUP BY 1, 2, 3
    )
    INSERT INTO pgproof_metrics.daily AS kept (metric, day, dimensions, value, items)
    SELECT metric, day, dimensions, value, items FROM total ORDER BY 1, 2, 3
    ON CONFLICT (metric, day, dimensions) DO UPDATE
    SET value = kept.value + excluded.value, items = kept.items + excluded.items;
    IF lost <> '{}' THEN
        DELETE FROM pgproof_metrics.member AS kept
        USING unnest(lost) AS gone (facts) CROSS JOIN LATERAL pgproof_metrics.contributions(gone.facts) AS c
        WHERE (kept.metric, kept.day, kept.dimensions, kept.member) = (c.metric, c.day, c.dimensions, c.member)
            AND kept.items = 0;
        DELETE FROM pgproof_metrics.daily AS kept
        USING unnest(lost) AS gone (facts) CROSS JOIN LATERAL pgproof_metrics.contributions(gone.facts) AS c
        WHERE (kept.metric, kept.day, kept.dimensions) = (c.metric, c.day, c.dimensions) AND kept.items = 0;
    END IF;
END $$;

CREATE FUNCTION pgproof_metrics.follow_items() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF current_setting('pgproof_metrics.paused', true) = 'on' THEN
        RETURN NULL; -- who paused it counts everything anew in the same transaction
    ELSIF tg_op = 'INSERT' THEN
        PERFORM pgproof_metrics.count_change(ARRAY(SELECT facts FROM gained WHERE facts IS NOT NULL), '{}');
    ELSIF tg_op = 'DELETE' THEN
        PERFORM pgproof_metrics.count_change('{}', ARRAY(SELECT facts FROM lost WHERE facts IS NOT NULL));
    ELSE
        PERFORM pgproof_metrics.count_change(
            ARRAY(SELECT facts FROM gained WHERE facts IS NOT NULL), ARRAY(SELECT facts FROM lost WHERE facts IS NOT NULL)
        );
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
