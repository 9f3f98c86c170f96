-- Roles with sessions in this database that it will not let in again, unless they may connect by more than PUBLIC.
SELECT DISTINCT a.usename::text
FROM pg_stat_activity AS a JOIN pg_database AS d ON d.oid = a.datid JOIN pg_roles AS r ON r.oid = a.usesysid
WHERE d.datname = current_database() AND NOT r.rolsuper
  AND a.usename <> current_user AND a.usename <> ALL (%(names)s::text[]) AND d.datdba <> r.oid AND NOT EXISTS (
    SELECT FROM aclexplode(d.datacl) AS acl
    WHERE acl.privilege_type = 'CONNECT' AND acl.grantee <> 0 AND pg_has_role(r.oid, acl.grantee, 'USAGE')
)
ORDER BY 1
