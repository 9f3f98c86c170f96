-- The relations behind names ($1), each read or written as $2 says, and how their writes are noted.
--
-- An effect says how a write may go on: `insert` not at all, `update`, `delete` and `truncate` along foreign keys that
-- do such a thing, `any` along all of these. `read` and `note` are for what is read: see below.
WITH RECURSIVE found (relation, effect) AS (
    SELECT to_regclass(name)::oid, effect FROM unnest($1::text[], $2::text[]) AS asked (name, effect)
    WHERE to_regclass(name) IS NOT NULL
    UNION
    SELECT next.relation, next.effect
    FROM found CROSS JOIN LATERAL (
        -- Behind a view; behind a rule for writes too, which may do anything. Catalogs are in its tree only.
        SELECT behind.oid, CASE WHEN r.rulename = '_RETURN' THEN found.effect ELSE 'any' END
        FROM pg_rewrite AS r CROSS JOIN LATERAL (
            SELECT d.refobjid FROM pg_depend AS d
            WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
            UNION ALL
            SELECT groups[1]::oid FROM regexp_matches(r.ev_action::text, ':relid (\d+)', 'g') AS match (groups)
        ) AS behind (oid)
        WHERE r.ev_class = found.relation AND found.effect <> 'note'
          AND (r.rulename = '_RETURN' OR found.effect <> 'read')
        UNION ALL
        -- An UPDATE may move a row to another partition, which is a DELETE in the one that it leaves.
        SELECT inhrelid, CASE found.effect WHEN 'update' THEN 'any' ELSE found.effect END
        FROM pg_inherits WHERE inhparent = found.relation AND found.effect <> 'note'
        UNION ALL
        -- A write by way of a parent is noted as the parent's alone.
        SELECT inhparent, 'note' FROM pg_inherits
        WHERE inhrelid = found.relation AND found.effect IN ('read', 'note')
        UNION ALL
        SELECT
            conrelid,
            CASE
                WHEN found.effect = 'truncate' THEN 'truncate'
                WHEN found.effect IN ('delete', 'any') AND confdeltype = 'c' THEN found.effect
                ELSE 'update'
            END
        FROM pg_constraint
        WHERE contype = 'f' AND confrelid = found.relation AND (
            found.effect = 'truncate'
            OR found.effect IN ('delete', 'any') AND confdeltype IN ('c', 'n', 'd')
            OR found.effect IN ('update', 'any') AND confupdtype IN ('c', 'n', 'd')
        )
    ) AS next (relation, effect)
)
SELECT
    c.oid::regclass::text,
    CASE
        WHEN c.relnamespace IN ('pg_catalog'::regnamespace, to_regnamespace('information_schema')) THEN 'system'
        WHEN c.relpersistence = 't' THEN 'temporary'
        WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = c.oid) THEN 'subscribed'
        ELSE c.relkind::text
    END,
    c.relrowsecurity,
    (
        SELECT convert_from(substring(t.tgargs FOR length(t.tgargs) - 1), getdatabaseencoding())
        FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid
        -- after each statement of INSERT, UPDATE, DELETE, TRUNCATE, whatever columns it writes
        WHERE t.tgrelid = c.oid AND t.tgtype = 60 AND t.tgattr::text = '' AND t.tgqual IS NULL
          AND t.tgenabled IN ('O', 'A') AND p.proname = 'note_write'
          AND p.pronamespace = to_regnamespace('pgproof_cache')
        LIMIT 1
    )
FROM pg_class AS c
WHERE c.oid IN (SELECT relation FROM found)
ORDER BY 1
