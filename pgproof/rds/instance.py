"""A cloud and an identifier in, the instance as RDS describes it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.errors import CloudError

if TYPE_CHECKING:
    from types_boto3_rds.type_defs import DBInstanceTypeDef

    from pgproof.rds.cloud import Cloud


@dataclass(frozen=True)
class Instance:
    """An instance at one moment.

    Attributes:
        said: RDS' description, as DescribeDBInstances gives it.
    """

    said: DBInstanceTypeDef

    @property
    def identifier(self) -> str:
        """Its name."""
        return self.said["DBInstanceIdentifier"]

    @property
    def status(self) -> str:
        """RDS' word for what it does: available, creating, stopped and so on."""
        return self.said["DBInstanceStatus"]

    @property
    def host(self) -> str:
        """Name of its endpoint; empty as long as it has none."""
        return self.said.get("Endpoint", {}).get("Address", "")

    @property
    def port(self) -> int:
        """Port of its endpoint; 0 as long as it has none."""
        return self.said.get("Endpoint", {}).get("Port", 0)

    @property
    def secret(self) -> str:
        """ARN of the secret that RDS keeps the master password in; empty where it keeps none."""
        return self.said.get("MasterUserSecret", {}).get("SecretArn", "")

    @property
    def groups(self) -> list[str]:
        """Ids of its security groups."""
        found = self.said.get("VpcSecurityGroups", [])
        return [each["VpcSecurityGroupId"] for each in found if each.get("Status") != "removing"]

    @property
    def awaits_reboot(self) -> bool:
        """Whether parameters of its group hold only after a reboot; RDS does none for that, in no window."""
        found = self.said.get("DBParameterGroups", [])
        return any(each.get("ParameterApplyStatus") == "pending-reboot" for each in found)

    @property
    def pending(self) -> dict[str, Any]:
        """What it is to have after its maintenance window, by RDS' names."""
        return {
            name: value
            for name, value in self.said.get("PendingModifiedValues", {}).items()
            if value not in ({}, [], None)
        }


def find_instance(cloud: Cloud, identifier: str) -> Instance | None:
    """Return the instance; None where there is none.

    Raises:
        CloudError: AWS refused, or was not reached.
    """
    try:
        found = cloud.ask(cloud.rds.describe_db_instances, DBInstanceIdentifier=identifier)
    except CloudError as error:
        if error.code in ("DBInstanceNotFound", "DBInstanceNotFoundFault"):
            return None
        raise
    return Instance(found["DBInstances"][0])


def fetch_instance(cloud: Cloud, identifier: str) -> Instance:
    """Return the instance.

    Raises:
        CloudError: there is none; or as `find_instance`.
    """
    if (found := find_instance(cloud, identifier)) is None:
        raise CloudError(
            f"there is no RDS instance {identifier}", hint="`inv rds.ensure` makes it; is the region right?"
        )
    return found
