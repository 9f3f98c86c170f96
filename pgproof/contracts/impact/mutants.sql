-- What could be changed in a database without anybody being told, as rows:
-- kind | relation | column | object | columns that it is about | the table that a foreign key goes to | statement.
-- The object is a constraint or an index, the new type, or what a row is found by.
--
-- relation   a table of ours: not Postgres's, not an extension's, not the ledger's or the cache's, no partition of another
-- attribute  its own columns
-- bound      constraints and indexes, with the columns that each is about, expressions and predicates too
-- mutant     one change a row
--
-- What follows from a change goes with it (CASCADE): the queries are to notice that. A column that a view reads cannot
-- be retyped at all; Postgres refuses it. `value` and `row` are about the first row by key.
WITH

relation AS (
    SELECT c.oid, c.oid::regclass::text AS name, nspname || '.' || relname AS place,
           coalesce((
               SELECT string_agg(format('%%I', attname), ', ' ORDER BY spot)
               FROM pg_index, unnest(indkey::int2[]) WITH ORDINALITY AS part (attnum, spot)
               JOIN pg_attribute AS a USING (attnum)
               WHERE indrelid = c.oid AND indisprimary AND attrelid = c.oid
           ), 'tableoid, ctid') AS key
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND nspname || '.' || relname !~ %(internal)s
      AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
      AND NOT EXISTS (
          SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e'
      )
),

attribute AS (
    SELECT r.name, r.place, r.key, attrelid, attnum, attname, attidentity, attgenerated,
           format('ALTER TABLE %%s ALTER COLUMN %%I', r.name, attname) AS alter_column,
           format('%%I', attname) AS quoted, format_type(atttypid, NULL) AS type,
           attnotnull AND attidentity = '' AND NOT EXISTS (
               SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary AND attnum = ANY (indkey::int2[])
           ) AS refuses_null,
           atthasdef OR attidentity <> '' AS has_default,
           typtype, typcategory,
           CASE atttypid WHEN 'bpchar'::regtype THEN 'bpchar' ELSE format_type(atttypid, NULL) END AS cast_to,
           (
               SELECT format(
                   '(SELECT other.%%1$I FROM %%2$s AS other WHERE other.%%1$I IS DISTINCT FROM %%3$s.%%4$I '
                   'ORDER BY 1 DESC LIMIT 1)',
                   there.attname, confrelid::regclass, r.name, here.attname
               )
               FROM pg_constraint
               JOIN pg_attribute AS there ON there.attrelid = confrelid AND there.attnum = confkey[1]
               WHERE conrelid = here.attrelid AND contype = 'f' AND conkey = ARRAY[here.attnum]
               ORDER BY conname LIMIT 1
           ) AS other_target
    FROM relation AS r
    JOIN pg_attribute AS here ON attrelid = r.oid AND attnum > 0 AND NOT attisdropped AND attislocal
    JOIN pg_type ON pg_type.oid = atttypid
),

bound AS (
    SELECT CASE contype
               WHEN 'f' THEN 'foreign key' WHEN 'c' THEN 'check' WHEN 'x' THEN 'exclusion' ELSE 'unique'
           END AS kind,
           r.name, r.place, conname AS object, 'pg_constraint'::regclass::oid AS class, o.oid, conrelid AS relid,
           CASE WHEN contype = 'f' THEN confrelid::regclass::text END AS other,
           format('ALTER TABLE %%s DROP CONSTRAINT %%I CASCADE', r.name, conname) AS statement
    FROM relation AS r
    JOIN pg_constraint AS o ON conrelid = r.oid AND conislocal AND contype IN ('p', 'u', 'x', 'f', 'c')

    UNION ALL
    SELECT CASE WHEN indisunique THEN 'unique' ELSE 'index' END, r.name, r.place, relname,
           'pg_class'::regclass, c.oid, indrelid, NULL, format('DROP INDEX %%s CASCADE', c.oid::regclass)
    FROM relation AS r
    JOIN pg_index ON indrelid = r.oid AND indisvalid
    JOIN pg_class AS c ON c.oid = indexrelid
    WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
),

-- A type that somebody might really choose instead.
retyped AS (
    SELECT *, CASE type
        WHEN 'smallint' THEN 'integer' WHEN 'integer' THEN 'bigint' WHEN 'bigint' THEN 'numeric'
        WHEN 'numeric' THEN 'double precision' WHEN 'real' THEN 'double precision'
        WHEN 'double precision' THEN 'numeric' WHEN 'text' THEN 'character varying'
        WHEN 'timestamp with time zone' THEN 'timestamp without time zone'
        WHEN 'timestamp without time zone' THEN 'timestamp with time zone'
        WHEN 'date' THEN 'timestamp without time zone' WHEN 'json' THEN 'jsonb' WHEN 'jsonb' THEN 'json'
        ELSE 'text'
    END AS other_type
    FROM attribute
),

-- Another value of the type, and of what a foreign key allows; NULL where we know none.
flipped AS (
    SELECT *, CASE
        WHEN other_target IS NOT NULL THEN other_target
        WHEN typcategory = 'B' THEN format('NOT coalesce(%%s, false)', quoted)
        WHEN typcategory = 'N' THEN format('coalesce(%%s, 0) + 1', quoted)
        WHEN typcategory = 'S' THEN format('coalesce(%%s, '''') || ''x''', quoted)
        WHEN type IN ('timestamp with time zone', 'timestamp without time zone', 'date')
            THEN format('CASE WHEN isfinite(%%1$s) THEN %%1$s ELSE ''2100-01-01'' END + interval ''1 day''', quoted)
        WHEN type LIKE 'time with%%' OR type = 'interval'
            THEN format('coalesce(%%s, ''1:00'') + interval ''1 hour''', quoted)
        WHEN type = 'uuid' THEN format('md5(coalesce(%%s::text, ''''))', quoted)
        WHEN type = 'bytea' THEN format('coalesce(%%s, '''') || ''x''', quoted)
        WHEN type IN ('json', 'jsonb') THEN format('jsonb_build_array(%%s)', quoted)
        WHEN typcategory = 'A' THEN format('array_append(%%s, NULL)', quoted)
        WHEN typtype = 'e' THEN format(
            '(SELECT other FROM unnest(enum_range(NULL::%%s)) AS other WHERE other IS DISTINCT FROM %%s LIMIT 1)',
            type, quoted
        )
    END AS other_value
    FROM attribute
    WHERE attgenerated = '' AND attidentity <> 'a'
),

mutant (place, step, spot, kind, name, attname, object, columns, other, statement) AS (
    SELECT place, 1, attnum, 'drop', name, attname, NULL, NULL::text[], NULL,
           format('ALTER TABLE %%s DROP COLUMN %%s CASCADE', name, quoted)
    FROM attribute
    UNION ALL
    SELECT place, 2, attnum, 'rename', name, attname, NULL, NULL, NULL,
           format('ALTER TABLE %%s RENAME COLUMN %%s TO pgproof_renamed', name, quoted)
    FROM attribute
    UNION ALL
    SELECT place, 3, attnum, 'retype', name, attname, other_type, NULL, NULL,
           format('%%s TYPE %%s USING %%s::%%s', alter_column, other_type, quoted, other_type)
    FROM retyped WHERE other_type <> type
    UNION ALL
    SELECT place, 4, attnum, 'not null', name, attname, NULL, NULL, NULL, alter_column || ' DROP NOT NULL'
    FROM attribute WHERE refuses_null
    UNION ALL
    SELECT place, 5, attnum, 'default', name, attname, NULL, NULL, NULL, alter_column || CASE
               WHEN attidentity <> '' THEN ' DROP IDENTITY'
               WHEN attgenerated <> '' THEN ' DROP EXPRESSION'
               ELSE ' DROP DEFAULT'
           END
    FROM attribute WHERE has_default
    UNION ALL
    SELECT place, 6, 0, kind, name, NULL, object, (
               SELECT array_agg(attname ORDER BY attnum)
               FROM pg_attribute
               WHERE attrelid = relid AND attnum > 0 AND EXISTS (
                   SELECT FROM pg_depend
                   WHERE classid = class AND objid = bound.oid AND refclassid = 'pg_class'::regclass
                     AND refobjid = relid AND refobjsubid = attnum
               )
           ), other, statement
    FROM bound
    UNION ALL
    SELECT place, 7, attnum, 'value', name, attname, key, NULL, NULL, format(
               'UPDATE %%1$s SET %%2$s = (%%3$s)::%%4$s '
               'WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM %%1$s ORDER BY %%5$s LIMIT 1)',
               name, quoted, other_value, cast_to, key
           )
    FROM flipped WHERE other_value IS NOT NULL
    UNION ALL
    SELECT place, 8, 0, 'row', name, NULL, key, NULL, NULL, format(
               'DELETE FROM %%1$s WHERE (tableoid, ctid) = (SELECT tableoid, ctid FROM %%1$s ORDER BY %%2$s LIMIT 1)',
               name, key
           )
    FROM relation
)

SELECT kind, name, coalesce(attname, ''), coalesce(object, ''), coalesce(columns, '{}'), coalesce(other, ''), statement
FROM mutant
ORDER BY place COLLATE "C", step, spot, kind, object COLLATE "C"
