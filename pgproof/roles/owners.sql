-- Everything in the database that is not the owner's yet; whether it is ours to give, else it stays as it is.
WITH schema AS (
    SELECT oid, nspname, nspowner FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),

-- An index, a sequence of a column, a type of rows or of arrays has the owner of what it belongs to.
thing (class, oid, owner, word) AS (
    SELECT 'pg_namespace'::regclass, oid, nspowner, 'SCHEMA' FROM schema
    WHERE nspowner::regrole::text <> 'pg_database_owner'
    UNION ALL
    SELECT
        'pg_class'::regclass, c.oid, c.relowner,
        CASE c.relkind
            WHEN 'v' THEN 'VIEW'
            WHEN 'm' THEN 'MATERIALIZED VIEW'
            WHEN 'f' THEN 'FOREIGN TABLE'
            WHEN 'S' THEN 'SEQUENCE'
            ELSE 'TABLE'
        END
    FROM pg_class AS c
    WHERE c.relnamespace IN (SELECT oid FROM schema) AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
      AND NOT (c.relkind = 'S' AND EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
          AND d.refclassid = 'pg_class'::regclass
    ))
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.proowner, 'ROUTINE'
    FROM pg_proc AS p
    WHERE p.pronamespace IN (SELECT oid FROM schema) AND NOT EXISTS (
        SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'i'
    )
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, t.typowner, 'TYPE'
    FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
    WHERE t.typnamespace IN (SELECT oid FROM schema) AND coalesce(c.relkind = 'c', TRUE)
      AND (t.typtype <> 'm' OR current_setting('server_version_num')::int < 170000)  -- since then it has its range's
      AND NOT EXISTS (SELECT FROM pg_type AS element WHERE element.typarray = t.oid)
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, oid, stxowner, 'STATISTICS' FROM pg_statistic_ext
    WHERE stxnamespace IN (SELECT oid FROM schema)
    UNION ALL
    SELECT 'pg_collation'::regclass, oid, collowner, 'COLLATION' FROM pg_collation
    WHERE collnamespace IN (SELECT oid FROM schema)
    UNION ALL
    SELECT 'pg_operator'::regclass, oid, oprowner, 'OPERATOR' FROM pg_operator
    WHERE oprnamespace IN (SELECT oid FROM schema)
    UNION ALL
    SELECT 'pg_opfamily'::regclass, oid, opfowner, 'OPERATOR FAMILY' FROM pg_opfamily
    WHERE opfnamespace IN (SELECT oid FROM schema)
    UNION ALL
    SELECT 'pg_opclass'::regclass, oid, opcowner, 'OPERATOR CLASS' FROM pg_opclass
    WHERE opcnamespace IN (SELECT oid FROM schema)
    UNION ALL
    SELECT 'pg_conversion'::regclass, oid, conowner, 'CONVERSION' FROM pg_conversion
    WHERE connamespace IN (SELECT oid FROM schema)
    UNION ALL
    SELECT 'pg_ts_config'::regclass, oid, cfgowner, 'TEXT SEARCH CONFIGURATION' FROM pg_ts_config
    WHERE cfgnamespace IN (SELECT oid FROM schema)
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, oid, dictowner, 'TEXT SEARCH DICTIONARY' FROM pg_ts_dict
    WHERE dictnamespace IN (SELECT oid FROM schema)
),

-- Before 15 everybody may make tables in public, which a superuser has; an upgrade leaves it so.
open (oid) AS (
    SELECT oid FROM pg_namespace WHERE EXISTS (
        SELECT FROM aclexplode(nspacl) AS a
        WHERE a.privilege_type = 'CREATE'
          AND (a.grantee = 0 OR a.grantee::regrole::text IN (quote_ident(%(app)s), quote_ident(%(reader)s)))
    )
),

statement (step, text, is_ours, what) AS (
    SELECT
        1, 'ALTER DATABASE ' || quote_ident(datname) || ' OWNER TO ' || quote_ident(%(owner)s),
        pg_has_role(datdba, 'USAGE'),
        'database ' || quote_ident(datname) || ' belongs to ' || datdba::regrole || ', and stays as it is'
    FROM pg_database
    WHERE datname = current_database() AND datdba::regrole::text <> quote_ident(%(owner)s)

    UNION ALL
    SELECT
        CASE t.word WHEN 'SCHEMA' THEN 2 ELSE 3 END,
        'ALTER ' || t.word || ' ' || i.identity || ' OWNER TO ' || quote_ident(%(owner)s),
        pg_has_role(t.owner, 'USAGE'),
        lower(t.word) || ' ' || i.identity || ' belongs to ' || t.owner::regrole || ', and stays as it is'
        || CASE WHEN open.oid IS NULL THEN '' ELSE '; others may CREATE in it, which only its owner takes back' END
    FROM thing AS t CROSS JOIN LATERAL pg_identify_object(t.class, t.oid, 0) AS i
    LEFT JOIN open ON t.word = 'SCHEMA' AND open.oid = t.oid
    WHERE t.owner::regrole::text <> quote_ident(%(owner)s) AND NOT EXISTS (
        SELECT FROM pg_depend AS d WHERE d.classid = t.class AND d.objid = t.oid AND d.deptype = 'e'
    )
)

SELECT text, is_ours, what FROM statement ORDER BY step, text
