"""Environment and pyproject.toml in, one frozen `Settings` out; nobody else reads `os.environ`."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pgproof.errors import Location, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

DURATION = r"\d+\s*(us|ms|s|min|h|d)?"
_KINDS = {
    "major": int,
    "port": int,
    "lock_attempts": int,
    "runner_wait": float,
    "binaries": Path,
    "cache": Path,
    "template_days": int,
    "template_megabytes": int,
}
_PASSWORDS = {
    "master_password": "MASTER_USER_PASSWORD",  # the name that the AWS command line's users give it
    "migrator_password": "MIGRATOR_PASSWORD",
    "application_password": "APPLICATION_PASSWORD",
    "reader_password": "READER_PASSWORD",
}
_SECRETS = {"url", "proof_key", *_PASSWORDS}  # never in a committed file; a URL may hold a password
ServerKind = Literal["embedded", "container", "url"]
Where = Literal["own", "always", "never"]
BackendKind = Literal["memory", "postgres", "momento"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be chosen, decided once.

    Order: command line, then environment (`PGPROOF_<NAME>`), then `[tool.pgproof]`, then the default here.
    """

    root: Path
    """The project: the folder of pyproject.toml."""

    target: str = "local"
    """`local`, or `prod` for the database that `PROD_CONNECTION_URL` names, or else the planned RDS instance has."""

    server: ServerKind = "embedded"
    """Where Postgres comes from; `url` where one runs already."""

    url: str | None = field(default=None, repr=False)
    """Connection URL of server `url`; may carry a password, so it is never shown whole."""

    database: str = "postgres"
    """Name of the local database."""

    major: int = 18
    """Major version of the local server; set it to what production runs."""

    binaries: Path | None = None
    """Folder with `postgres` and `initdb`, when the server should come from a place of your own."""

    image: str = ""
    """Container image; empty means `postgres:<major>-alpine`."""

    port: int = 0
    """TCP port of the local server on 127.0.0.1; 0 means a Unix socket only (embedded) or a free port."""

    cache: Path = Path()
    """Where the embedded server keeps data and log; by default a folder of the user's cache directory."""

    application_role: str = ""
    """Role that the application connects as: the gate asks queries as it, so that a missing GRANT shows."""

    lock_timeout: str = "5s"
    """How long one attempt of a migration may wait for a lock before it lets the traffic behind it pass."""

    lock_attempts: int = 10
    """How often a migration is tried when it meets a lock or a deadlock."""

    statement_timeout: str = "0"
    """Limit for one migration's statements; 0 is none."""

    runner_wait: float = 600.0
    """Seconds to wait for another runner before giving up."""

    templates: Where = "own"
    """Where template databases are kept: on our own servers, on one given by URL too (never on prod), or nowhere."""

    template_days: int = 7
    """A template that nobody cloned for so many days is dropped."""

    template_megabytes: int = 2000
    """Beyond this total size the templates unused for longest are dropped."""

    cache_backend: BackendKind = "memory"
    """Where the application's `Cache` keeps results: tasks tell that place of writes, and measure it."""

    cache_name: str = ""
    """The name in the application's `Cache(name=…)`, where copies of one database share a backend."""

    momento_cache: str = ""
    """Momento's name for the cache; empty means that of the local database."""

    tunnel: str = ""
    """`127.0.0.1:15432`, where a tunnel to the RDS instance begins; its certificate is checked as ever."""

    proof_key: str = field(default="", repr=False)
    """Key that the gate signs its record of a proof with, and `db.migrate` reads it by; only from the environment."""

    master_password: str = field(default="", repr=False)
    """Password of the RDS instance's master user, where its plan says `environment`: MASTER_USER_PASSWORD."""

    migrator_password: str = field(default="", repr=False)
    """Password that `db.roles` gives to the role that migrates; only from the environment: MIGRATOR_PASSWORD."""

    application_password: str = field(default="", repr=False)
    """The same of the application's role: APPLICATION_PASSWORD."""

    reader_password: str = field(default="", repr=False)
    """The same of the role that only reads: READER_PASSWORD."""

    instance: str = ""
    """Identifier of the RDS instance that `[tool.pgproof.rds]` plans; not to be set elsewhere."""

    secret: str = ""
    """Secret of AWS Secrets Manager, by ARN or name, that says where Postgres is: for `pgproof.metrics.handler`."""

    ci: bool = False
    """Set by CI systems (`CI=true`): what skips at a desk fails there."""

    @property
    def keeps_templates(self) -> bool:
        """Whether templates may be made on this server: somebody else's has none unless asked, production never."""
        return self.target != "prod" and (
            self.templates == "always" or (self.templates == "own" and self.server != "url")
        )

    @property
    def migrations(self) -> Path:
        """Folder of the migrations."""
        return self.root / "migrations"

    @property
    def seeds(self) -> Path:
        """Folder of the seeds."""
        return self.root / "seeds"

    @property
    def queries(self) -> Path:
        """Folder of the queries."""
        return self.root / "queries"

    @property
    def contracts(self) -> Path:
        """Folder of the cases and goldens."""
        return self.root / "tests" / "contracts"

    @property
    def metrics(self) -> Path:
        """Folder of the mappings of metrics."""
        return self.root / "metrics"

    @property
    def memory(self) -> Path | None:
        """Folder for what a desk remembers of this project from run to run; None in CI, which remembers nothing."""
        from hashlib import sha256

        project = sha256(os.fsencode(self.root.resolve())).hexdigest()[:12]
        return None if self.ci else self.cache / "projects" / project


def find_root(start: Path) -> Path:
    """Return the nearest folder upwards from `start` that has a pyproject.toml."""
    for folder in (start, *start.parents):
        if (folder / "pyproject.toml").is_file():
            return folder
    raise SettingsError(f"no pyproject.toml in {start} or above it", hint="run from inside the project")


def read_settings(
    root: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    **chosen: str | None,
) -> Settings:
    """Decide every setting once; `chosen` is what the command line said (None: nothing).

    Raises:
        SettingsError: a name is unknown, a value does not fit, or a needed URL is missing.
    """
    values = {"cache": _user_cache(environ), **_from_pyproject(root), **_from_environ(environ)}
    values |= {name: value for name, value in chosen.items() if value is not None}
    ci = environ.get("CI", "").lower() not in ("", "0", "false")
    settings = Settings(root=root, ci=ci, **{name: _convert(name, value) for name, value in values.items()})
    return _with_url(settings, environ, server_chosen=chosen.get("server") is not None)


def _with_url(settings: Settings, environ: Mapping[str, str], *, server_chosen: bool) -> Settings:
    if settings.target not in ("local", "prod"):
        raise SettingsError(f"unknown target {settings.target!r}", hint="local or prod")
    if settings.target == "prod":
        if server_chosen and settings.server != "url":
            raise SettingsError(f"target prod is never on server {settings.server}", hint="leave out --server")
        url = environ.get("PROD_CONNECTION_URL") if settings.instance else _need(environ, "PROD_CONNECTION_URL")
        return replace(settings, server="url", url=url or None)
    if settings.server == "url":
        return replace(settings, url=settings.url or _need(environ, "CONNECTION_URL", "PGPROOF_URL"))
    return settings


def _need(environ: Mapping[str, str], name: str, *others: str) -> str:
    if url := environ.get(name):
        return url
    either = " or ".join((*others, name))
    planned = ", or plan an RDS instance in [tool.pgproof.rds]" if name.startswith("PROD") else ""
    raise SettingsError(f"{either} is not set", hint=f"export {name}=postgresql://user@host:5432/database{planned}")


def _from_pyproject(root: Path) -> dict[str, Any]:
    path = root / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("pgproof", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(error), at=Location(path)) from error
    planned = table.pop("rds", {})
    known = _names() - {"root", "ci", "instance", *_SECRETS}
    if unknown := sorted(set(table) - known):
        raise SettingsError(
            f"unknown setting {', '.join(unknown)} in [tool.pgproof]",
            at=Location(path),
            hint=f"known: {', '.join(sorted(known))}",
        )
    if odd := [name for name, value in table.items() if type(value) not in (str, int, float)]:
        raise SettingsError(f"{', '.join(odd)} in [tool.pgproof] is neither text nor number", at=Location(path))
    values = {name: root / str(value) if _KINDS.get(name) is Path else value for name, value in table.items()}
    is_plan = isinstance(planned, dict) and "identifier" in planned  # what is wrong with it, `read_plan` says
    return values | {"instance": str(planned["identifier"])} if is_plan else values


def _from_environ(environ: Mapping[str, str]) -> dict[str, str]:
    known = _names() - {"root", "ci", "instance"}
    found = {
        key.removeprefix("PGPROOF_").lower(): value for key, value in environ.items() if key.startswith("PGPROOF_")
    }
    if unknown := sorted(set(found) - known):
        names = ", ".join(f"PGPROOF_{name.upper()}" for name in unknown)
        raise SettingsError(f"unknown environment variable {names}", hint=f"known: {', '.join(sorted(known))}")
    for name, variable in _PASSWORDS.items():
        found.setdefault(name, environ.get(variable, ""))
    return {name: value for name, value in found.items() if value}


def _names() -> set[str]:
    return {each.name for each in fields(Settings)}


def _convert(name: str, value: Any) -> Any:  # noqa: ANN401
    """Text from the environment and values from TOML become what the field holds."""
    if name == "server" and value not in get_args(ServerKind):
        raise SettingsError(f"unknown server {value!r}", hint="embedded, container or url")
    if name == "templates" and value not in get_args(Where):
        raise SettingsError(f"unknown templates {value!r}", hint="own, always or never")
    if name == "cache_backend" and value not in get_args(BackendKind):
        raise SettingsError(f"unknown cache_backend {value!r}", hint="memory, postgres or momento")
    if name in ("lock_timeout", "statement_timeout") and not re.fullmatch(DURATION, str(value)):
        raise SettingsError(f"{name} {value!r} is not a duration", hint="for example 500ms, 5s, 2min")
    kind = _KINDS.get(name, str)
    try:
        converted = kind(str(value))
    except ValueError as error:
        raise SettingsError(f"{name} {value!r} is not a {'whole ' if kind is int else ''}number") from error
    least = 1 if name == "lock_attempts" else 0
    if kind in (int, float) and converted < least:
        raise SettingsError(f"{name} {value} is less than {least}")
    return converted


def _user_cache(environ: Mapping[str, str]) -> Path:
    """Root's own cache is closed to the unprivileged user that the server runs as."""
    if os.geteuid() == 0:
        return Path("/var/cache/pgproof")
    return Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pgproof"
