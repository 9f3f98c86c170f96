"""A security group in, its rules for who comes in out, those of ours told from others'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.rds.firewall.label import read_label

if TYPE_CHECKING:
    from datetime import datetime

    from types_boto3_ec2.type_defs import DescribeSecurityGroupRulesRequestTypeDef, SecurityGroupRuleTypeDef

    from pgproof.rds.cloud import Cloud
    from pgproof.rds.firewall.label import Label

_SOURCES = ("CidrIpv4", "CidrIpv6", "PrefixListId")
_EVERYBODY = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who may come in, and where.

    Attributes:
        kind: AWS' word for what the source is.
        source: addresses, or a security group, or a prefix list.
        protocol: tcp, for Postgres; -1 for all.
        ports: the first and the last.
        label: whose it is; None: not ours.
        description: of a rule that is not ours, all there is to tell whose it is.
    """

    id: str
    group: str
    kind: str
    source: str
    protocol: str
    ports: tuple[int, int]
    label: Label | None
    description: str

    @property
    def is_wide(self) -> bool:
        """Whether everybody may come in."""
        return self.source in _EVERYBODY

    def is_whose(self, person: str) -> bool:
        """Whether it is a rule of ours for that person's address."""
        return self.label is not None and self.label.until is not None and self.label.who == person

    def is_expired(self, now: datetime) -> bool:
        """Whether it is a rule of ours that was to be gone by now."""
        return self.label is not None and self.label.until is not None and self.label.until <= now

    def is_for(self, source: str, port: int) -> bool:
        """Whether it lets exactly that source in, there: AWS keeps one such rule only."""
        return (self.source, self.protocol, self.ports) == (source, "tcp", (port, port))


def fetch_rules(cloud: Cloud, group: str) -> list[Rule]:
    """Return the rules of a group for who comes in.

    Raises:
        CloudError: AWS refused, or was not reached.
    """
    found: list[SecurityGroupRuleTypeDef] = []
    asked: DescribeSecurityGroupRulesRequestTypeDef = {"Filters": [{"Name": "group-id", "Values": [group]}]}
    while True:
        said = cloud.ask(cloud.ec2.describe_security_group_rules, **asked)
        found += said["SecurityGroupRules"]
        if not said.get("NextToken"):
            return [_read(each) for each in found if not each["IsEgress"]]
        asked["NextToken"] = said["NextToken"]


def _read(said: SecurityGroupRuleTypeDef) -> Rule:
    referenced = {"ReferencedGroupId": said.get("ReferencedGroupInfo", {}).get("GroupId")}
    sources = {kind: said.get(kind) for kind in _SOURCES} | referenced
    kind, source = next(((kind, str(value)) for kind, value in sources.items() if value), ("", ""))
    description = said.get("Description", "")
    return Rule(
        id=said["SecurityGroupRuleId"],
        group=said["GroupId"],
        kind=kind,
        source=source,
        protocol=said["IpProtocol"],
        ports=(said.get("FromPort", -1), said.get("ToPort", -1)),
        label=read_label(description),
        description=description,
    )
