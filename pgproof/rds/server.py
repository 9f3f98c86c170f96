"""The planned instance as a server of production: found by its name, connected to with its certificate checked."""

from __future__ import annotations

from functools import cached_property
from typing import NoReturn

from pgproof.errors import ServerUnavailable
from pgproof.pg.database import connect
from pgproof.pg.remote import RemoteServer
from pgproof.rds.access import Access
from pgproof.rds.cloud import open_cloud
from pgproof.rds.plan import Plan, read_plan


class RdsServer(RemoteServer):
    """The instance that `[tool.pgproof.rds]` plans; AWS is asked by who connects first."""

    @cached_property
    def plan(self) -> Plan:
        """What is planned."""
        return read_plan(self.settings)

    @cached_property
    def access(self) -> Access:
        """How to log in there."""
        return Access(self.settings, self.plan, open_cloud(self.settings, self.plan))

    @property
    def database(self) -> str:
        """The planned one."""
        return self.plan.database

    @property
    def url(self) -> str:
        """Conninfo of the database, with a password or token that holds now."""
        return self.access.conninfo()

    @property
    def ours(self) -> bool:
        """Never, also where a tunnel to it begins on this machine."""
        return False

    def find(self) -> str:
        """Return the conninfo of its maintenance database, after a look at who answers there.

        Raises:
            ServerUnavailable: it does not answer, or is not the one that it should be.
            CloudError: there is no such instance, it is not available, or AWS refused.
        """
        connect(conninfo := self.ensure_up()).close()  # a ping hears nothing of a certificate that is refused
        return conninfo

    def ensure_down(self) -> NoReturn:
        """Refuse: that is asked for by its own name."""
        raise ServerUnavailable("an RDS instance is not stopped in passing", hint="inv rds.stop")

    def read_log(self, lines: int) -> NoReturn:  # noqa: ARG002 - the Protocol's signature
        """Refuse: RDS has it."""
        raise ServerUnavailable("RDS has the log", hint="`aws rds describe-db-log-files`, or CloudWatch")
