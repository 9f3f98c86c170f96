"""Roles in, how one logs in as each out: as far as who asks may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from psycopg import Connection

    from pgproof.pg.rolenames import RoleNames

_KNOWS_IAM = "SELECT true FROM pg_roles WHERE rolname = 'rds_iam'"
_BY_IAM = """
SELECT who.rolname FROM pg_auth_members AS m
JOIN pg_roles AS r ON r.oid = m.roleid JOIN pg_roles AS who ON who.oid = m.member
WHERE r.rolname = 'rds_iam'
"""
_SEES_PASSWORDS = "SELECT has_table_privilege('pg_authid', 'SELECT')"
_WITHOUT = "SELECT rolname FROM pg_authid WHERE rolpassword IS NULL"
_NOT_YET = "not yet: no password"


def knows_iam(connection: Connection[Any]) -> bool:
    """Whether the server is one of RDS', whose members of rds_iam log in by tokens."""
    return connection.execute(_KNOWS_IAM).fetchone() is not None


def describe_logins(connection: Connection[Any], names: RoleNames, *, fresh: Collection[str]) -> dict[str, str]:
    """Say of each role how one logs in as it; only a superuser sees whether a role has a password.

    Args:
        connection: of who asks.
        names: the roles; they need not be there.
        fresh: those that were made just now, without a password.
    """
    by_iam = {role for (role,) in connection.execute(_BY_IAM).fetchall()}
    without, seen = set(fresh), connection.execute(_SEES_PASSWORDS).fetchone() == (True,)
    if seen:
        without |= {role for (role,) in connection.execute(_WITHOUT).fetchall()}

    def describe(role: str) -> str:
        if role in by_iam:
            return "by IAM token"
        if role in without:
            return _NOT_YET
        return "by password" if seen else "by password, if it was given one"

    return {names.owner: "nobody"} | {role: describe(role) for role in names.logins}
