-- The four roles, and who is a member of which: what is missing or too much.
WITH wanted (name, login) AS (
    VALUES (%(owner)s, FALSE), (%(migrator)s, TRUE), (%(app)s, TRUE), (%(reader)s, TRUE)
),

role AS (
    SELECT w.name, w.login, r.oid, ARRAY(
        SELECT a.word
        FROM (
            VALUES
                (r.rolcanlogin AND NOT w.login, 'NOLOGIN'), (w.login AND NOT r.rolcanlogin, 'LOGIN'),
                (r.rolsuper, 'NOSUPERUSER'), (r.rolcreatedb, 'NOCREATEDB'), (r.rolcreaterole, 'NOCREATEROLE'),
                (r.rolreplication, 'NOREPLICATION'), (r.rolbypassrls, 'NOBYPASSRLS'), (NOT r.rolinherit, 'INHERIT')
        ) AS a (is_off, word)
        WHERE a.is_off
    ) AS words
    FROM wanted AS w LEFT JOIN pg_roles AS r ON r.rolname = w.name
),

version AS (
    SELECT current_setting('server_version_num')::int >= 160000 AS has_options
),

-- Since 16 a membership may be one by name only, and there is one for each who granted it.
member AS (
    SELECT
        m.roleid::regrole::text AS role, m.member::regrole::text AS name, m.grantor::regrole::text AS grantor,
        coalesce((j.row ->> 'inherit_option')::boolean AND (j.row ->> 'set_option')::boolean, TRUE) AS is_whole
    FROM pg_auth_members AS m CROSS JOIN to_jsonb(m) AS j (row)
),

-- Who changes hands gives to a role that it is a member of.
wanted_member (role, name) AS (
    SELECT %(owner)s, %(migrator)s
    UNION ALL
    SELECT %(owner)s, rolname FROM pg_roles WHERE rolname = current_user AND NOT rolsuper AND rolname <> %(owner)s
    UNION ALL
    SELECT r.rolname, w.name FROM wanted AS w JOIN pg_roles AS r ON r.rolname = 'rds_iam' WHERE w.login AND %(iam)s
),

statement (step, role, text) AS (
    SELECT 1 AS step, name, 'CREATE ROLE ' || quote_ident(name) || CASE WHEN login THEN ' LOGIN' ELSE '' END
    FROM role WHERE oid IS NULL

    UNION ALL
    SELECT 2, name, 'ALTER ROLE ' || quote_ident(name) || ' ' || array_to_string(words, ' ')
    FROM role WHERE oid IS NOT NULL AND words <> '{}'

    UNION ALL
    SELECT
        3, CASE WHEN w.role = %(owner)s AND w.name <> %(migrator)s THEN w.role ELSE w.name END,
        'GRANT ' || quote_ident(w.role) || ' TO ' || quote_ident(w.name)
        || CASE WHEN v.has_options THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END
    FROM wanted_member AS w CROSS JOIN version AS v
    WHERE NOT EXISTS (
        SELECT FROM member AS m WHERE m.role = quote_ident(w.role) AND m.name = quote_ident(w.name) AND m.is_whole
    )

    UNION ALL
    SELECT
        4, w.name, 'REVOKE ' || m.role || ' FROM ' || m.name
        || CASE WHEN v.has_options THEN ' GRANTED BY ' || m.grantor ELSE '' END
    FROM member AS m JOIN wanted AS w ON quote_ident(w.name) = m.name CROSS JOIN version AS v
    WHERE w.name IN (%(app)s, %(reader)s) AND m.role <> 'rds_iam'
)

SELECT role, text FROM statement ORDER BY step, text
