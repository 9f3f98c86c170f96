-- What the application and the reader may do with what there is: privileges that are missing or too many.
--
-- PUBLIC is whoever has a login on this server; it (here: '') only loses some. What it may do with functions, types and
-- tables is the migrations' to say: a function that they close stays closed.
WITH schema AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),

thing (class, oid, owner, kind, name, acl, parts) AS (
    SELECT
        'pg_database'::regclass, oid, datdba, 'database', 'DATABASE ' || quote_ident(datname),
        coalesce(datacl, acldefault('d', datdba)), NULL::aclitem[]
    FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT
        'pg_namespace'::regclass, oid, nspowner, 'schema', 'SCHEMA ' || quote_ident(nspname),
        coalesce(nspacl, acldefault('n', nspowner)), NULL
    FROM schema
    UNION ALL
    SELECT
        'pg_class'::regclass, c.oid, c.relowner,
        CASE
            WHEN s.nspname IN ('pgproof_cache', 'pgproof_metrics') THEN 'own '
            WHEN c.relname ~ '^_pgproof_audit(_id_seq)?$' THEN 'audit '
            WHEN c.relkind <> 'S' AND c.relname ~ %(ledger)s THEN 'ledger '
            ELSE ''
        END || k.word,
        upper(k.word) || ' ' || quote_ident(s.nspname) || '.' || quote_ident(c.relname),
        c.relacl,
        nullif(ARRAY(
            SELECT unnest(a.attacl) FROM pg_attribute AS a WHERE a.attrelid = c.oid AND NOT a.attisdropped
        ), '{}')
    FROM pg_class AS c JOIN schema AS s ON s.oid = c.relnamespace
    CROSS JOIN LATERAL (SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END) AS k (word)
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
),

-- `own`: the cache's and the metrics', which their own functions and tasks write. The ledger says what was migrated,
-- the audit by whom and from where: nothing that an application has to know, or could be let to write.
may (kind, role, verbs) AS (
    VALUES
        ('database', %(migrator)s, '{CONNECT}'::text[]), ('database', %(app)s, '{CONNECT}'),
        ('database', %(reader)s, '{CONNECT}'), ('database', '', '{}'),
        ('schema', %(app)s, '{USAGE}'), ('schema', %(reader)s, '{USAGE}'), ('schema', '', '{USAGE}'),
        ('table', %(app)s, '{SELECT,INSERT,UPDATE,DELETE}'), ('table', %(reader)s, '{SELECT}'),
        ('sequence', %(app)s, '{SELECT,USAGE}'), ('sequence', %(reader)s, '{SELECT}'),
        ('own table', %(app)s, '{SELECT}'), ('own table', %(reader)s, '{SELECT}'),
        ('own sequence', %(app)s, '{}'), ('own sequence', %(reader)s, '{SELECT}'),
        ('ledger table', %(app)s, '{}'), ('ledger table', %(reader)s, '{SELECT}'), ('ledger table', '', '{}'),
        ('audit table', %(app)s, '{}'), ('audit table', %(reader)s, '{}'), ('audit table', '', '{}'),
        ('audit sequence', %(app)s, '{}'), ('audit sequence', %(reader)s, '{}')
),

held AS (
    SELECT CASE WHEN is_schema THEN 'pg_namespace'::regclass ELSE 'pg_class' END AS class, oid, role, verb
    FROM unnest(
        %(held_oids)s::oid[], %(held_roles)s::text[], %(held_verbs)s::text[], %(held_schemas)s::boolean[]
    ) AS h (oid, role, verb, is_schema)
),

-- What a migration takes away of a table it may give back for columns.
wanted AS (
    SELECT t.*, m.role, m.verbs AS most, ARRAY(
        SELECT unnest(m.verbs) EXCEPT
        SELECT h.verb FROM held AS h WHERE (h.class, h.oid, h.role) = (t.class, t.oid, m.role)
    ) AS verbs
    FROM thing AS t JOIN may AS m USING (kind)
    WHERE (t.owner::regrole::text = quote_ident(%(owner)s) OR pg_has_role(t.owner, 'USAGE')) AND NOT EXISTS (
        SELECT FROM pg_depend AS d WHERE d.classid = t.class AND d.objid = t.oid AND d.deptype = 'e'
    )
),

compared AS (
    SELECT
        w.name, w.role, has.regrants,
        array_to_string(ARRAY(SELECT unnest(w.verbs) EXCEPT SELECT unnest(has.verbs) ORDER BY 1), ', ') AS missing,
        array_to_string(ARRAY(
            (SELECT unnest(has.verbs) EXCEPT SELECT unnest(w.verbs))
            UNION (SELECT unnest(has.parts) EXCEPT SELECT unnest(w.most)) ORDER BY 1
        ), ', ') AS extra
    FROM wanted AS w CROSS JOIN LATERAL (
        SELECT
            array_agg(a.privilege_type) FILTER (WHERE NOT a.is_part) AS verbs,
            array_agg(a.privilege_type) FILTER (WHERE a.is_part) AS parts,
            bool_or(a.is_grantable) AS regrants
        FROM (
            SELECT *, FALSE AS is_part FROM aclexplode(w.acl) UNION ALL SELECT *, TRUE FROM aclexplode(w.parts)
        ) AS a
        WHERE CASE w.role WHEN '' THEN a.grantee = 0 ELSE a.grantee::regrole::text = quote_ident(w.role) END
    ) AS has
)

SELECT role, 'GRANT ' || missing || ' ON ' || name || ' TO ' || quote_ident(role)
FROM compared WHERE missing <> '' AND role <> ''

UNION ALL
SELECT
    CASE role WHEN '' THEN %(owner)s ELSE role END,
    'REVOKE ' || extra || ' ON ' || name || ' FROM ' || CASE role WHEN '' THEN 'PUBLIC' ELSE quote_ident(role) END
    || ' CASCADE'
FROM compared WHERE extra <> ''

UNION ALL
SELECT role, 'REVOKE GRANT OPTION FOR ALL ON ' || name || ' FROM ' || quote_ident(role) || ' CASCADE'
FROM compared WHERE regrants AND role <> ''

ORDER BY 2
