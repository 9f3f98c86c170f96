"""A name of a plan in, whether it is taken, or the first that is guessed, out. Pure."""

from __future__ import annotations

import re

_RESERVED = frozenset(
    re.findall(
        r"\w+",
        """
        all analyse analyze and any array as asc asymmetric both case cast check collate column constraint
        create current_catalog current_date current_role current_time current_timestamp current_user default
        deferrable desc distinct do else end except false fetch for foreign from grant group having in initially
        intersect into lateral leading limit localtime localtimestamp not null offset on only or order placing
        primary references returning select session_user some symmetric system_user table then to trailing true
        union unique user using variadic when where window with
        """,
    )
)
"""What `pg_get_keywords()` calls reserved: RDS takes none of it as a name."""

_ROLES = frozenset(("admin", "none", "public", "rdsadmin", "rdsrepladmin", "rdstopmgr"))
_DATABASES = frozenset(("rdsadmin", "template0", "template1"))
_MADE = re.compile(r"[A-Za-z]\w{0,62}", re.ASCII)  # at home, where the default is from, a database may have any name

_GUESSED_ROLE = re.compile(r".*(root|admin).*|postgres|master|dba|superuser|test")
_GUESSED_DATABASE = re.compile(r"postgres|test|db|database|mydb|example")
_GUESSED_INSTANCE = re.compile(r"(my|the)?-?(db|database|instance|postgres|postgresql|rds|test|prod|example)-?\d*")


def is_taken_role(name: str) -> bool:
    """Whether RDS, or PostgreSQL, keeps a name for itself."""
    name = name.lower()
    return name in _RESERVED | _ROLES or name.startswith(("pg_", "rds_"))


def is_taken_database(name: str) -> bool:
    """Whether a database of that name is there already, or cannot be."""
    return name.lower() in _RESERVED | _DATABASES or not _MADE.fullmatch(name)


def is_guessed_role(name: str) -> bool:
    """Whether who tries names begins with it."""
    return not is_taken_role(name) and bool(_GUESSED_ROLE.fullmatch(name.lower()))


def is_guessed_database(name: str) -> bool:
    """Whether a name does not say whose data it has."""
    return bool(_GUESSED_DATABASE.fullmatch(name.lower()))


def is_guessed_instance(name: str) -> bool:
    """Whether a name does not say which instance it is, among others."""
    return bool(_GUESSED_INSTANCE.fullmatch(name))
