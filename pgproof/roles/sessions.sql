-- How sessions of migrator and reader begin: what the one makes is the owner's, the other writes nothing by mistake.
WITH wanted (role, name, value) AS (
    VALUES (%(migrator)s, 'role', %(owner)s), (%(reader)s, 'default_transaction_read_only', 'on')
)

SELECT
    w.role,
    'ALTER ROLE ' || quote_ident(w.role) || ' IN DATABASE ' || quote_ident(current_database())
    || ' SET ' || w.name || ' = ' || quote_literal(w.value)
FROM wanted AS w
WHERE NOT EXISTS (
    SELECT FROM pg_db_role_setting AS s JOIN pg_database AS d ON d.oid = s.setdatabase
    WHERE d.datname = current_database() AND s.setrole::regrole::text = quote_ident(w.role)
      AND w.name || '=' || w.value = ANY (s.setconfig)
)
ORDER BY 2
