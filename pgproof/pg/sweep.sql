-- What a migration may leave behind that hurts later, as rows (rule, object, help). One block per rule.
-- The caller empties search_path, so that every cast to regclass gives a qualified, quoted name.
WITH

relation AS (
    SELECT c.*
    FROM pg_class AS c
    WHERE c.relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'
      AND c.relname !~ %(ledger)s
      AND NOT EXISTS (
          SELECT FROM pg_depend AS d
          WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
      )
),

index AS (
    SELECT
        i.*, x.relname AS name, x.relispartition AS is_attached, m.amname AS method,
        pg_get_expr(i.indpred, i.indrelid) AS predicate,
        -- what follows its name: table, method, columns, predicate
        split_part(pg_get_indexdef(i.indexrelid), ' INDEX ' || quote_ident(x.relname) || ' ', 2) AS shape,
        EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u', 'x')) AS is_constraint
    FROM pg_index AS i
    JOIN relation AS r ON r.oid = i.indrelid
    JOIN pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_am AS m ON m.oid = x.relam
),

sequence AS (
    SELECT
        s.seqrelid AS oid, s.seqmin, s.seqincrement,
        -- an int column ends before its bigint sequence does
        least(s.seqmax, CASE a.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 END) AS last,
        pg_sequence_last_value(s.seqrelid) AS now,
        coalesce(a.attrelid::regclass || '.' || quote_ident(a.attname), s.seqrelid::regclass::text) AS feeds
    FROM pg_sequence AS s
    JOIN relation AS r ON r.oid = s.seqrelid
    LEFT JOIN pg_depend AS d
        ON d.classid = 'pg_class'::regclass AND d.objid = s.seqrelid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
    LEFT JOIN pg_class AS t ON t.oid = d.refobjid
    LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE NOT s.seqcycle AND coalesce(t.relname !~ %(ledger)s, true)
      AND has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')
)

SELECT
    'invalid-index', 'index ' || indexrelid::regclass,
    CASE
        WHEN name ~ '_ccnew[0-9]*$' THEN 'REINDEX CONCURRENTLY did not end: DROP INDEX CONCURRENTLY it, then reindex again'
        WHEN name ~ '_ccold[0-9]*$' THEN 'REINDEX CONCURRENTLY did not end: the new index is in place, DROP INDEX CONCURRENTLY this one'
        WHEN indexrelid IN (SELECT oid FROM pg_class WHERE relkind = 'I')
            THEN 'a partition has no index attached to it: create one there and ALTER INDEX ... ATTACH PARTITION'
        ELSE 'it costs writes and serves no query: DROP INDEX CONCURRENTLY it and build it again'
    END
FROM index
WHERE NOT indisvalid OR NOT indisready

UNION ALL
SELECT
    'unvalidated-constraint', 'constraint ' || quote_ident(c.conname) || ' on ' || r.oid::regclass,
    'old rows may break it: ALTER TABLE ... VALIDATE CONSTRAINT in a migration of its own'
FROM pg_constraint AS c
JOIN relation AS r ON r.oid = c.conrelid
WHERE NOT c.convalidated AND c.conparentid = 0 AND (to_jsonb(c) ->> 'conenforced') IS DISTINCT FROM 'false'

UNION ALL
SELECT
    'unindexed-foreign-key', 'constraint ' || quote_ident(c.conname) || ' on ' || r.oid::regclass,
    'a delete or key update of ' || c.confrelid::regclass || ' reads the whole table: index (' || (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
        FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, place)
        JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.attnum
    ) || ')'
FROM pg_constraint AS c
JOIN relation AS r ON r.oid = c.conrelid
WHERE c.contype = 'f' AND c.conparentid = 0
  AND NOT EXISTS (
      SELECT FROM index AS i
      WHERE i.indrelid = c.conrelid AND i.indisvalid AND i.indnkeyatts >= cardinality(c.conkey)
        AND (i.method = 'btree' OR (i.method = 'hash' AND cardinality(c.conkey) = 1))
        -- int2vector counts from 0; the leading columns may stand in any order
        AND (i.indkey::int2[])[0:cardinality(c.conkey) - 1] @> c.conkey
        AND (i.indpred IS NULL OR i.predicate IN (
            SELECT '(' || quote_ident(a.attname) || ' IS NOT NULL)'
            FROM pg_attribute AS a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
        ))
  )

UNION ALL
SELECT
    'no-primary-key', 'table ' || r.oid::regclass,
    'no row can be named, and logical replication refuses its updates and deletes: add a primary key'
FROM relation AS r
WHERE r.relkind IN ('r', 'p') AND NOT r.relispartition AND r.relreplident <> 'f'
  AND NOT EXISTS (SELECT FROM index AS i WHERE i.indrelid = r.oid AND (i.indisprimary OR i.indisreplident))

UNION ALL
SELECT
    'sequence-near-end', 'sequence ' || oid::regclass,
    'over 80 percent used for ' || feeds || ': change its type to bigint while there is time'
FROM sequence
WHERE seqincrement > 0 AND now - seqmin::numeric > 0.8 * (last - seqmin::numeric)

UNION ALL
SELECT
    'duplicate-index', 'index ' || worse.indexrelid::regclass,
    'index ' || better.indexrelid::regclass || ' does the same: DROP INDEX CONCURRENTLY this one'
FROM index AS worse
JOIN index AS better ON better.shape = worse.shape AND better.indisvalid AND (better.indisunique OR NOT worse.indisunique)
WHERE NOT worse.is_constraint AND NOT worse.indisreplident AND NOT worse.is_attached
  -- the one to keep: behind a constraint, then unique, then first by name
  AND (NOT better.is_constraint, NOT better.indisunique, better.name) < (TRUE, NOT worse.indisunique, worse.name)
