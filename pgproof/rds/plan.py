"""[tool.pgproof.rds] in, the instance that it plans out: every word that cannot be meant is told with its line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pgproof.errors import Location, SettingsError, SqlFileError
from pgproof.rds.words import find_problems
from pgproof.tomltext import Part, read_toml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pgproof.settings import Settings

MasterPassword = Literal["managed", "environment", "iam"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """An instance as it is to be; what a plan leaves out is what one would want of a new one today."""

    identifier: str
    """Its name in the account and region."""

    region: str = ""
    """Where it is; empty: that of the zone, else the one that boto3 finds."""

    instance_class: str = "db.t4g.micro"
    """How much processor and memory it has."""

    engine_version: str = ""
    """PostgreSQL's, as `18` or `18.6`; empty: the setting `major`, so that home and cloud are alike."""

    database: str = ""
    """Name of its first database; empty: the setting `database`."""

    port: int = 5432

    username: str = ""
    """The master user's; empty: the database's, with `_master`. No application connects as it."""

    master_password: MasterPassword = "managed"  # noqa: S105 - no password
    """Who keeps it: RDS, in Secrets Manager; `environment`: you, in MASTER_USER_PASSWORD; `iam`: there is none."""

    iam: bool = False
    """IAM authentication: roles of the database log in with a token of 15 minutes instead of a password."""

    connect_as: str = ""
    """Role that tasks connect as; empty: the master user. After `inv db.roles`, the migrator."""

    storage: int = 20
    """GiB."""

    storage_max: int = 0
    """GiB that the storage may grow to by itself; 0: it does not."""

    storage_type: str = "gp3"
    encrypted: bool = True

    kms_key: str = ""
    """Key that encrypts it; empty: the account's own for RDS."""

    availability_zone: str = ""
    """`ca-central-1a`; empty: AWS chooses. With `multi_az` there can be none."""

    multi_az: bool = False
    """A second, standing by in another zone, at twice the price."""

    publicly_accessible: bool = False
    """Has an address on the internet; without, a tunnel leads to it (setting `tunnel`)."""

    subnet_group: str = ""

    security_groups: Sequence[str] = ()
    """Ids; empty: `rds.ensure` makes one for this instance that lets nobody in."""

    parameter_group: str = ""

    backup_retention: int = 7
    """Days; 0: there is no way back to a point in time."""

    backup_window: str = ""
    maintenance_window: str = ""
    deletion_protection: bool = True

    performance_insights: int = 7
    """Days that they are kept; 0: none."""

    ca_certificate: str = "rds-ca-rsa2048-g1"
    minor_upgrades: bool = True

    extended_support: bool = False
    """Stay on a major version beyond its end, for a price; without, AWS upgrades it."""

    ca_bundle: str = ""
    """File with the roots that the server's certificate is checked by; empty: those that come with pgproof."""

    tags: Mapping[str, str] = field(default_factory=dict)

    home: int = 0
    """Major version that runs at home: the setting `major`; 0: not known."""

    part: Part = field(repr=False, compare=False)
    """The lines of pyproject.toml that say it."""

    @property
    def role(self) -> str:
        """Role that tasks connect as."""
        return self.connect_as or self.username

    def at(self, name: str) -> Location:
        """Return where a word of it stands, or the plan begins."""
        return self.part.at(name)


def read_plan(settings: Settings) -> Plan:
    """Return the plan that the project's pyproject.toml has.

    Raises:
        SettingsError: it has none.
        SqlFileError: a word of it is unknown, or has a value that cannot be meant; all of them at once.
    """
    part = _find_part(settings.root / "pyproject.toml")
    if problems := find_problems(part):
        raise SqlFileError(problems)
    said: dict[str, Any] = {"database": settings.database, "engine_version": str(settings.major), **part.words}
    zone = said.get("availability_zone", "")
    otherwise = {
        "username": f"{said['database']}_master".replace("-", "_"),
        "region": zone[:-1],
        "iam": said.get("master_password") == "iam",
        "home": settings.major,
    }
    return Plan(**{**otherwise, **said, "security_groups": tuple(said.get("security_groups", ()))}, part=part)


def _find_part(path: Path) -> Part:
    text, said = read_toml(path)
    table = said.get("tool", {}).get("pgproof", {}).get("rds")
    whole = Part(path, 1, text.splitlines(), said)
    if not isinstance(table, dict):
        what = "no RDS instance is planned" if table is None else "rds is not a table"
        at = Location(path) if table is None else whole.at("rds")
        raise SettingsError(what, at=at, hint='[tool.pgproof.rds], and below it: identifier = "cruddur-db-instance"')
    return whole.within("tool", "pgproof", "rds")
