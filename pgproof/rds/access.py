"""A plan and its instance in, the conninfo that logs in there out: endpoint, certificate, password or token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.conninfo import make_conninfo

from pgproof.rds.instance import fetch_instance

if TYPE_CHECKING:
    from pgproof.rds.cloud import Cloud
    from pgproof.rds.plan import Plan
    from pgproof.settings import Settings


@dataclass(frozen=True)
class Access:
    """How to log in to the database of an instance."""

    settings: Settings
    plan: Plan
    cloud: Cloud

    def conninfo(self, role: str = "") -> str:
        """Return the conninfo of the database, with a password or token that holds now.

        Args:
            role: who logs in; empty: the plan's `connect_as`.

        Raises:
            CloudError: there is no such instance, it is not available, or AWS refused.
            SettingsError: no roots to check the certificate by; or no password.
        """
        instance = fetch_instance(self.cloud, self.plan.identifier)
        return make_conninfo(
            "", host=instance.host, port=instance.port, user=role or self.plan.role, sslmode="verify-full"
        )
