"""A connection string in, what it says out: its parts, whether it stays on this machine, a URL without password."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import quote, urlencode

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgproof.errors import SettingsError

_SECRETS = ("password", "sslpassword")
_MASK = "***"
_EXAMPLE = "postgresql://user:password@host:5432/database"


def read_conninfo(conninfo: str) -> dict[str, str]:
    """Return the parts that a URL or a key=value string names.

    Raises:
        SettingsError: it cannot be read. No part of it is shown, for libpq quotes what it stumbles over,
            and that may be the password.
    """
    if re.match(r"postgres(ql)?://.*[?&]schema=", conninfo):  # in key=value form it may be a piece of a password
        raise SettingsError(
            "the connection URL has ?schema=, which only yoyo understands",
            hint="write ?options=-csearch_path%3Dapp instead",
        )
    try:
        parts = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    except psycopg.ProgrammingError:
        raise SettingsError("the connection URL cannot be read", hint=f"it looks like {_EXAMPLE}") from None
    host, port = parts.get("host", ""), parts.get("port", "")
    if ("@" in host and not host.startswith("@")) or not re.fullmatch(r"[\d,]*", port):
        raise SettingsError(
            "the connection URL has a special character in its password",
            hint="write it as %40 for @, %3A for :, %2F for /",
        )
    return parts


def read_defaults() -> dict[str, str]:
    """Return what a connection string may leave out: PGHOST and others of the environment, and its service's."""
    return {each.keyword.decode(): each.val.decode() for each in pq.Conninfo.get_defaults() if each.val is not None}


def is_loopback(conninfo: str) -> bool:
    """Whether every host it names is this machine; what it leaves out, PGHOST or PGSERVICE may say."""
    parts = read_conninfo(conninfo)
    if "service" in parts:
        return False  # a file decides; better not ours than wrongly ours
    hosts = _get_hosts(parts) or _get_hosts(read_defaults())
    return all(map(_is_here, hosts.split(",")))


def _get_hosts(parts: dict[str, str]) -> str:
    return parts.get("hostaddr") or parts.get("host") or ""  # hostaddr is where libpq really goes


def _is_here(host: str) -> bool:
    if host in ("", "localhost") or host.startswith(("/", "@")):
        return True  # nothing or a folder: a Unix socket
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url(conninfo: str, *, dbname: str | None = None, show_password: bool = False) -> str:
    """Return it as a postgresql:// URL that psql and psycopg read; the password is `***` unless asked for."""
    parts = read_conninfo(conninfo)
    if not show_password:
        parts |= {name: _MASK for name in _SECRETS if name in parts}
    user, password = parts.pop("user", ""), parts.pop("password", "")
    database = dbname or parts.pop("dbname", "")
    parts.pop("dbname", None)
    return (
        "postgresql://"
        + quote(user, safe="")
        + (f":{quote(password, safe='*')}" if password else "")
        + ("@" if user or password else "")
        + _pop_network_places(parts)
        + f"/{quote(database, safe='')}"
        + (f"?{urlencode(parts, quote_via=quote, safe='/*')}" if parts else "")
    )


def _pop_network_places(parts: dict[str, str]) -> str:
    """Take hosts with their ports out of the parts; socket folders stay, as a URL names them behind the `?`."""
    hosts = parts.get("host", "").split(",")
    if not all(hosts) or any(host.startswith(("/", "@")) for host in hosts):
        return ""
    ports = parts.pop("port", "").split(",")
    ports *= len(hosts) if len(ports) == 1 else 1
    del parts["host"]
    pairs = zip(hosts, ports, strict=True)
    return ",".join((f"[{host}]" if ":" in host else host) + (f":{port}" if port else "") for host, port in pairs)


def split_secrets(conninfo: str) -> tuple[str, dict[str, str]]:
    """Return it without its secrets, and those as libpq's variables: a process list shows arguments to all."""
    given = [option for option in pq.Conninfo.parse(conninfo.encode()) if option.val is not None]
    public = {o.keyword.decode(): (o.val or b"").decode() for o in given if o.dispchar != b"*"}
    secret = {o.envvar.decode(): (o.val or b"").decode() for o in given if o.dispchar == b"*" and o.envvar}
    return make_conninfo(**public), secret
