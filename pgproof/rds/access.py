"""A plan and its instance in, the conninfo that logs in there out: endpoint, certificate, password or token.

Whatever the shell says (PGSSLMODE, PGSSLROOTCERT, PGGSSENCMODE), the server proves that it is the endpoint before it
hears a password: what a conninfo names comes before libpq's variables. With Kerberos at hand libpq would rather encrypt
by that, and look at no certificate: so gssencmode is off.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import TTLCache
from psycopg.conninfo import make_conninfo

from pgproof.errors import CloudError, SettingsError
from pgproof.rds.cloud import open_cloud
from pgproof.rds.instance import Instance, fetch_instance
from pgproof.rds.plan import Plan
from pgproof.rds.truststore import find_roots
from pgproof.settings import Settings
from pgproof.tomltext import Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.rds.cloud import Cloud

T = TypeVar("T")

_KEPT = 60  # seconds that AWS is not asked again: a master password may be rotated, an instance be made anew
_AWAY = {
    "creating": "`inv rds.ensure` shows how far it is",
    "deleting": "`inv rds.ensure` makes another one when it is gone",
    "starting": "`inv rds.start` waits for it",
    "stopped": "`inv rds.start` starts it, which takes some minutes",
    "stopping": "`inv rds.start` starts it, once it has stopped",
}
"""What RDS does with an instance that lets nobody in, and what to do about it."""


@dataclass(frozen=True)
class Access:
    """How to log in to the database of an instance.

    Attributes:
        settings: say where the project is, where a tunnel begins, and the password that no one else keeps.
        plan: says which instance, database and roles, and who keeps the master password.
        cloud: is asked for endpoint and secret, at most once a minute.
        clock: in seconds.
    """

    settings: Settings
    plan: Plan
    cloud: Cloud
    clock: Callable[[], float] = field(default=monotonic, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def conninfo(self, role: str = "") -> str:
        """Return the conninfo of the database, with a password or token that holds now.

        Args:
            role: who logs in; empty: the plan's `connect_as`.

        Raises:
            CloudError: there is no such instance, it is not available, or AWS refused.
            SettingsError: there are no roots to check the certificate by; or the tunnel is no address.
        """
        bundle, who = self.plan.ca_bundle, role or self.plan.role
        roots = find_roots(self.settings.root / bundle if bundle else None, self.plan.at("ca_bundle"))
        way = _read_tunnel(self.settings.tunnel)
        instance = self._once("instance", self._fetch_open)
        place = {"host": instance.host, "port": str(instance.port)} | way
        password = self._fetch_password(instance, who)
        checked = {"sslmode": "verify-full", "sslrootcert": str(roots.absolute()), "gssencmode": "disable"}
        return make_conninfo("", **place | checked, dbname=self.plan.database, user=who, password=password)

    def _fetch_open(self) -> Instance:
        """Ask for the instance; one that lets nobody in is not remembered."""
        instance = fetch_instance(self.cloud, self.plan.identifier)
        if instance.status in _AWAY or not instance.host:
            hint = _AWAY.get(instance.status, "`inv rds.status` says more")
            raise CloudError(f"the RDS instance {instance.identifier} is {instance.status}", hint=hint)
        return instance

    def _fetch_password(self, instance: Instance, role: str) -> str | None:
        """Return what the role logs in with; None: libpq finds it in PGPASSWORD or ~/.pgpass, or nobody has it."""
        if role != self.plan.username:
            return self._sign(instance, role) if self.plan.iam else None
        if self.plan.master_password == "managed":  # noqa: S105 - who keeps it
            return self._once("password", lambda: self._fetch_secret(instance))
        if self.plan.master_password == "iam":  # noqa: S105
            return self._sign(instance, role)
        return self.settings.master_password or None

    def _sign(self, instance: Instance, role: str) -> str:
        """Return a token of 15 minutes: it is for the endpoint, whatever tunnel leads there, and is made offline."""
        if not instance.said.get("IAMDatabaseAuthenticationEnabled", True):
            what = f"the RDS instance {instance.identifier} has IAM authentication off, and {role} logs in by it"
            raise CloudError(what, hint="`inv rds.ensure` turns it on, where the plan says `iam = true`")
        sign = self.cloud.rds.generate_db_auth_token
        return self.cloud.ask(sign, DBHostname=instance.host, Port=instance.port, DBUsername=role)

    def _fetch_secret(self, instance: Instance) -> str:
        if not instance.secret:
            what = f"RDS keeps no master password of {instance.identifier}"
            hint = (
                'say `master_password` as it is: environment, iam; or "managed", and `inv rds.ensure` has it keep one'
            )
            raise CloudError(what, at=self.plan.at("master_password"), hint=hint)
        said = self.cloud.ask(self.cloud.secrets.get_secret_value, SecretId=instance.secret)
        try:
            return str(json.loads(said["SecretString"])["password"])
        except (KeyError, TypeError, ValueError):
            # From None: the error of who reads JSON holds all that it read.
            raise CloudError(f"the secret {instance.secret} holds no password", hint="RDS makes it whole") from None

    @cached_property
    def _known(self) -> TTLCache[str, Any]:
        return TTLCache(2, _KEPT, timer=self.clock)

    def _once(self, name: str, fetch: Callable[[], T]) -> T:
        """Fetch it, unless it is known: threads that want it meanwhile wait for the one that asks."""
        with self._lock:
            found: T | None = self._known.get(name)
            if found is None:
                found = self._known[name] = fetch()
            return found


def by_token(
    identifier: str, *, database: str, role: str, region: str = "", tunnel: str = "", ca_bundle: str = ""
) -> Callable[[], str]:
    """Return what a `Database` asks where to connect, each time that it does: `Database(by_token("cruddur", …))`.

    It needs no pyproject.toml, but credentials that boto3 finds and that may rds:DescribeDBInstances and
    rds-db:connect; and the role has to be granted rds_iam.

    Args:
        identifier: of the RDS instance.
        database: on it.
        role: who logs in.
        region: the one that boto3 finds where it is empty.
        tunnel: where one begins that leads there: `127.0.0.1:15432`.
        ca_bundle: file with the roots that the certificate is checked by; empty: those that come with pgproof.
    """
    settings = Settings(root=Path.cwd(), tunnel=tunnel)
    nowhere = Part(Path("by_token"), 1, (), {})
    plan = Plan(
        identifier=identifier,
        database=database,
        connect_as=role,
        region=region,
        iam=True,
        ca_bundle=ca_bundle,
        part=nowhere,
    )
    cloud = replace(open_cloud(settings, plan), attempts=2)  # the pool's clients do not wait for ever
    return Access(settings, plan, cloud).conninfo


def _read_tunnel(tunnel: str) -> dict[str, str]:
    """Return where to connect to instead of the endpoint, whose name the certificate still has to have."""
    if not tunnel:
        return {}
    address, _, port = tunnel.rpartition(":")
    try:
        return {"hostaddr": str(ip_address(address.strip("[]"))), "port": str(int(port))}
    except ValueError:
        hint = "an IP address and a port: 127.0.0.1:15432, [::1]:15432"
        raise SettingsError(f"tunnel {tunnel!r} is none", hint=hint) from None
