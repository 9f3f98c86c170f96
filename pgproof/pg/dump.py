"""A conninfo in, the schema of its database out as SQL text that is the same on each run: `schema.sql`."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

from pgproof.errors import PgproofError
from pgproof.pg.catalog import LEDGER
from pgproof.pg.conninfo import split_secrets

if TYPE_CHECKING:
    from pathlib import Path

HEADER = """\
-- The schema that the migrations give. Written by `inv db.dump`: review it, do not edit it.

SET check_function_bodies = false; -- a function may come before the table it reads
"""

_PART = re.compile(r"\n+(?=--\n-- Name: .*; Type: .*; Schema: |SET default_table)")
_TITLE = re.compile(r"\A--\n(-- Name: .*); Owner: .*\n--\n\n")
# Minor releases of late 2026 stamp a number on each column, which only a pg_dump of the same releases leaves out.
_STAMP = re.compile(r"\n?ALTER TABLE ONLY .* SET \(pg_attver=\d+\);(?:\n|\Z)|pg_attver=\d+, |, pg_attver=\d+(?=[,)])")
_TRAILER = "\n--\n-- PostgreSQL database dump complete\n"

# User mappings hold passwords; the comment of an extension comes with its files, and only its owner may set it.
_UNWANTED = re.compile(r"-- Name: (.*; Type: USER MAPPING|EXTENSION .*; Type: COMMENT); ")
_DEFAULTS = ("SET default_tablespace = '';", "SET default_table_access_method = heap;")


def dump_schema(conninfo: str, *, pg_dump: Path) -> str:
    """Return the schema as SQL, privileges included, owners, ledger and everything with a password left out.

    Loaded into an empty database (by psql or in one call of psycopg) it gives the same catalog.

    Raises:
        PgproofError: pg_dump is not there, cannot connect, or is older than the server.
    """
    return normalise(_run(conninfo, pg_dump))


def normalise(dump: str) -> str:
    """Take out of pg_dump's text what names versions, sessions and runs; the SQL of each object stays as it is."""
    _preamble, *parts = _PART.split(dump[: dump.rindex(_TRAILER)])
    noise = {line for line in _DEFAULTS if _is_only_value(line, parts)}
    texts = [_TITLE.sub(r"\1\n", _STAMP.sub("", part)).rstrip("\n") for part in parts]
    kept = [text for text in texts if text not in noise and not _UNWANTED.match(text)]
    return "\n\n".join([HEADER.rstrip("\n"), *kept]) + "\n"


def _is_only_value(line: str, parts: list[str]) -> bool:
    """Where a setting has one value throughout, and that is the default, it need not be said."""
    setting = line.partition("=")[0]
    return all(part.rstrip("\n") == line for part in parts if part.startswith(setting))


def _run(conninfo: str, pg_dump: Path) -> str:
    address, secrets = split_secrets(conninfo)
    command = [
        str(pg_dump),
        "--schema-only",
        "--no-owner",
        "--no-tablespaces",
        "--no-subscriptions",
        "--encoding=UTF8",
        *(f"--exclude-table=*.{table}" for table in LEDGER),
        f"--dbname={address}",
    ]
    # The rest of the environment is libpq's and the loader's business. Constants print in the session's time zone.
    environment = {**os.environ, **secrets, "PGTZ": "UTC", "LC_ALL": "C"}
    try:
        result = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    except OSError as error:
        raise PgproofError(
            f"cannot run {pg_dump}: {error.strerror}", hint="`binaries` in [tool.pgproof] names its folder"
        ) from error
    if result.returncode:
        old = "version mismatch" in result.stderr
        raise PgproofError(
            f"pg_dump failed: {result.stderr.strip()}",
            hint="take the pg_dump of the server's major version or a newer one" if old else "",
        )
    return result.stdout
