"""Settings and a plan in, the services of AWS that an instance is asked of out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pgproof.aws import Patience, open_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_ec2 import EC2Client
    from types_boto3_pricing import PricingClient
    from types_boto3_rds import RDSClient
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sts import STSClient

    from pgproof.rds.plan import Plan
    from pgproof.settings import Settings


@dataclass(frozen=True)
class Cloud(Patience):
    """RDS and what stands around it; a client is opened by who needs it first.

    Attributes:
        open: a service's name in, boto3's client of it out.
    """

    open: Callable[[str], Any]

    @cached_property
    def rds(self) -> RDSClient:
        """Instances and snapshots."""
        client: RDSClient = self.open("rds")
        return client

    @cached_property
    def ec2(self) -> EC2Client:
        """Security groups."""
        client: EC2Client = self.open("ec2")
        return client

    @cached_property
    def secrets(self) -> SecretsManagerClient:
        """Secrets Manager, where RDS keeps a master password."""
        client: SecretsManagerClient = self.open("secretsmanager")
        return client

    @cached_property
    def pricing(self) -> PricingClient:
        """What things cost."""
        client: PricingClient = self.open("pricing")
        return client

    @cached_property
    def sts(self) -> STSClient:
        """Who asks."""
        client: STSClient = self.open("sts")
        return client


def open_cloud(settings: Settings, plan: Plan, notify: Callable[[str], None] = lambda _: None) -> Cloud:
    """Return the cloud of a plan's region; nothing is opened yet.

    Args:
        settings: say whether this is about production.
        plan: says the region; boto3's own where it does not.
        notify: is told, in a line, what is tried again.
    """

    def open_there(service: str) -> Any:  # noqa: ANN401 - of that service
        region = price_region(plan.region) if service == "pricing" else plan.region
        return open_client(settings, service, region=region)

    return Cloud(open_there, notify=notify)


def price_region(region: str) -> str:
    """Return a region whose Price List tells of another's prices: few have it."""
    return "cn-northwest-1" if region.startswith("cn-") else "us-east-1"
