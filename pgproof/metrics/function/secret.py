"""The text of a secret in, the conninfo that it means out; no part of it is ever shown."""

from __future__ import annotations

import json
from typing import Any

from psycopg.conninfo import make_conninfo

from pgproof.errors import SettingsError
from pgproof.pg.conninfo import is_loopback, read_conninfo

# The words of a secret that RDS, or a person, writes, and libpq's. `engine` and others are of no use here.
_WORDS = {
    "username": "user",
    "user": "user",
    "password": "password",
    "host": "host",
    "port": "port",
    "dbname": "dbname",
    "sslmode": "sslmode",
    "sslrootcert": "sslrootcert",
}


def read_secret(text: str, beside: str = "") -> str:
    """Return the conninfo; on its way to another machine it is encrypted, unless the secret says otherwise.

    Args:
        text: JSON as RDS writes it, JSON with a `url`, or a URL.
        beside: a URL with what the secret leaves out: one that RDS itself manages has user and password only.

    Raises:
        SettingsError: it does not say where Postgres is, and as whom.
    """
    parts = read_conninfo(beside) | _parts(text)
    if missing := [name for name in ("host", "user", "dbname") if not parts.get(name)]:
        raise SettingsError(
            f"the secret does not say {', '.join(missing)}",
            hint='{"host": …, "username": …, "password": …, "dbname": …}; what it leaves out, PGPROOF_URL may say',
        )
    if not is_loopback(make_conninfo("", **parts)):
        parts.setdefault("sslmode", "require")
    return make_conninfo("", **parts)


def _parts(text: str) -> dict[str, str]:
    said = _json(text)
    if not isinstance(said, dict):
        return read_conninfo(text.strip())
    if isinstance(said.get("url"), str):
        return read_conninfo(said["url"])
    return {word: str(said[name]) for name, word in _WORDS.items() if said.get(name) not in (None, "")}


def _json(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except ValueError:
        return None
