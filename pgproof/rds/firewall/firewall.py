"""A security group and a port in, one rule a person out: made, moved with the address, and removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import CloudError
from pgproof.rds.firewall.label import APPLICATION, Label
from pgproof.rds.firewall.rule import Rule, fetch_rules

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from types_boto3_ec2.type_defs import IpPermissionTypeDef

    from pgproof.rds.cloud import Cloud
    from pgproof.rds.firewall.address import Address

_ROUNDS = 4
_EXISTS = "InvalidPermission.Duplicate"
_GONE = ("InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound")


@dataclass(frozen=True)
class Opened:
    """What came of letting somebody in.

    Attributes:
        before: the rule of theirs that was changed; None: there was none.
        instead: a rule of somebody else's that lets the same address in; theirs was not made.
        removed: rules that had expired, and those of theirs that are of no use any more.
    """

    before: Rule | None
    instead: Rule | None
    removed: list[Rule]


@dataclass(frozen=True)
class Firewall:
    """The rules of a group for who reaches a port; what is not ours is never touched."""

    cloud: Cloud
    group: str
    port: int

    def open_to(self, person: str, address: Address, *, until: datetime, now: datetime) -> Opened:
        """Let a person in from one address, and from no other that they came from before.

        Args:
            person: whose rule it is.
            address: where they are.
            until: when it is to go.
            now: what was to be gone by then is removed, whosever it is.

        Raises:
            CloudError: AWS refused, or was not reached; or others changed the rules each time.
        """
        swept = self._remove(each for each in self._rules() if each.is_expired(now) and not each.is_whose(person))
        for left in reversed(range(_ROUNDS)):
            try:
                opened = self._settle(Label(person, until), address)
            except CloudError as error:  # somebody changed the rules meanwhile: look again
                if error.code not in (_EXISTS, *_GONE) or not left:
                    raise
            else:
                return Opened(opened.before, opened.instead, swept + opened.removed)
        raise AssertionError  # the last round either returns or raises

    def _settle(self, label: Label, address: Address) -> Opened:
        rules = self._rules()
        theirs = [each for each in rules if each.is_whose(label.who)]
        same = [each for each in rules if each.is_for(address.cidr, self.port)]
        if instead := next((each for each in same if each not in theirs), None):
            return Opened(None, instead, self._remove(theirs))
        # AWS changes no rule from one kind of source to another.
        kept = next((each for each in [*same, *theirs] if each.kind == address.kind), None)
        if kept:
            self._change(kept, address, label)
        else:
            self._add(_permit(address, label))
        return Opened(kept, None, self._remove(each for each in theirs if each is not kept))

    def close_to(self, person: str, *, now: datetime) -> list[Rule]:
        """Remove a person's rule, and what has expired; everybody's where no person is named.

        Raises:
            CloudError: AWS refused, or was not reached.
        """
        return self._remove(
            each
            for each in self._rules()
            if each.label and each.label.until and (not person or each.is_whose(person) or each.is_expired(now))
        )

    def open_to_group(self, group: str) -> bool:
        """Let in all that is in a security group, for as long as nobody says otherwise; whether it was not so before.

        Raises:
            CloudError: AWS refused, or was not reached.
        """
        if any(each.is_for(group, self.port) for each in self._rules()):
            return False
        try:
            self._add({"UserIdGroupPairs": [{"GroupId": group, "Description": str(APPLICATION)}]})
        except CloudError as error:
            if error.code != _EXISTS:
                raise
            return False
        return True

    def close_to_group(self, group: str) -> list[Rule]:
        """Remove our rules for a security group.

        Raises:
            CloudError: there is one that is not ours; AWS refused, or was not reached.
        """
        found = [each for each in self._rules() if each.source == group]
        if others := [each for each in found if each.label != APPLICATION]:
            raise CloudError(
                f"{others[0].id} lets {group} in, and is not a rule of ours",
                hint=f"aws ec2 revoke-security-group-ingress --group-id {self.group}"
                f" --security-group-rule-ids {others[0].id}",
            )
        return self._remove(found)

    def _rules(self) -> list[Rule]:
        return fetch_rules(self.cloud, self.group)

    def _add(self, source: IpPermissionTypeDef) -> None:
        permission: IpPermissionTypeDef = {"IpProtocol": "tcp", "FromPort": self.port, "ToPort": self.port, **source}
        self.cloud.ask(self.cloud.ec2.authorize_security_group_ingress, GroupId=self.group, IpPermissions=[permission])

    def _change(self, rule: Rule, address: Address, label: Label) -> None:
        wanted = {"IpProtocol": "tcp", "FromPort": self.port, "ToPort": self.port, "Description": str(label)}
        update = {"SecurityGroupRuleId": rule.id, "SecurityGroupRule": {**wanted, address.kind: address.cidr}}
        self.cloud.ask(
            self.cloud.ec2.modify_security_group_rules,
            GroupId=self.group,
            SecurityGroupRules=[update],  # type: ignore[list-item]
        )

    def _remove(self, rules: Iterable[Rule]) -> list[Rule]:
        """Remove rules; one that is gone already is not counted."""
        return [each for each in rules if self._is_removed(each)]

    def _is_removed(self, rule: Rule) -> bool:
        try:
            self.cloud.ask(
                self.cloud.ec2.revoke_security_group_ingress, GroupId=self.group, SecurityGroupRuleIds=[rule.id]
            )
        except CloudError as error:
            if error.code not in _GONE:
                raise
            return False
        return True


def _permit(address: Address, label: Label) -> IpPermissionTypeDef:
    if address.kind == "CidrIpv4":
        return {"IpRanges": [{"CidrIp": address.cidr, "Description": str(label)}]}
    return {"Ipv6Ranges": [{"CidrIpv6": address.cidr, "Description": str(label)}]}
