-- What the application and the reader may do with what the owner makes from now on, so that no migration has to GRANT.
--
-- In a schema that is new, anything may be read. Who may write there is said by its migration, or by the next run of
-- this: so the application never writes to tables of the cache's and the metrics', which come by migrations.
WITH kind (word, type) AS (
    VALUES ('TABLES', 'r'::"char"), ('SEQUENCES', 'S'), ('SCHEMAS', 'n')
),

schema AS (
    SELECT oid, nspname FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'pgproof_cache', 'pgproof_metrics')
      AND (nspowner::regrole::text IN (quote_ident(%(owner)s), 'pg_database_owner') OR pg_has_role(nspowner, 'USAGE'))
      AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_namespace'::regclass AND d.objid = pg_namespace.oid AND d.deptype = 'e'
    )
),

wanted (schema, word, role, verb) AS (
    SELECT 0::oid, g.word, g.role, g.verb
    FROM (
        VALUES
            ('TABLES', %(app)s, 'SELECT'), ('TABLES', %(reader)s, 'SELECT'), ('SEQUENCES', %(reader)s, 'SELECT'),
            ('SCHEMAS', %(app)s, 'USAGE'), ('SCHEMAS', %(reader)s, 'USAGE')
    ) AS g (word, role, verb)
    UNION ALL
    SELECT schema.oid, g.word, %(app)s, g.verb
    FROM schema CROSS JOIN (
        VALUES
            ('TABLES', 'INSERT'), ('TABLES', 'UPDATE'), ('TABLES', 'DELETE'),
            ('SEQUENCES', 'SELECT'), ('SEQUENCES', 'USAGE')
    ) AS g (word, verb)
),

has AS (
    SELECT d.defaclnamespace AS schema, k.word, n.role, a.privilege_type AS verb
    FROM pg_default_acl AS d JOIN kind AS k ON k.type = d.defaclobjtype
    CROSS JOIN LATERAL aclexplode(d.defaclacl) AS a
    JOIN (VALUES (%(app)s), (%(reader)s)) AS n (role) ON quote_ident(n.role) = a.grantee::regrole::text
    WHERE d.defaclrole::regrole::text = quote_ident(%(owner)s)
),

difference AS (
    SELECT 'GRANT ' AS act, ' TO ' AS whom, * FROM (TABLE wanted EXCEPT TABLE has) AS missing
    UNION ALL
    SELECT 'REVOKE ', ' FROM ', * FROM (TABLE has EXCEPT TABLE wanted) AS extra
)

SELECT
    d.role,
    'ALTER DEFAULT PRIVILEGES FOR ROLE ' || quote_ident(%(owner)s)
    || coalesce(' IN SCHEMA ' || quote_ident(n.nspname), '')
    || ' ' || d.act || string_agg(d.verb, ', ' ORDER BY d.verb) || ' ON ' || d.word || d.whom || quote_ident(d.role)
FROM difference AS d LEFT JOIN pg_namespace AS n ON n.oid = d.schema
GROUP BY d.role, d.act, d.whom, d.word, n.nspname
ORDER BY 2
