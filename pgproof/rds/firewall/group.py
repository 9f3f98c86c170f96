"""A plan in, the security group that stands before its instance out: found by its name, made where it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.errors import CloudError
from pgproof.rds.fields import make_tags

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import SecurityGroupTypeDef

    from pgproof.rds.cloud import Cloud
    from pgproof.rds.instance import Instance
    from pgproof.rds.plan import Plan


def ensure_group(cloud: Cloud, plan: Plan) -> str:
    """Return the id of the plan's own group; where there is none it is made, and lets nobody in.

    Raises:
        CloudError: there is no VPC to make it in; AWS refused, or was not reached.
    """
    name, vpc = group_name(plan), _find_vpc(cloud, plan)
    if found := _find_group(cloud, name, vpc):
        return found
    tags = make_tags({**plan.tags, "Name": name})
    try:
        made = cloud.ask(
            cloud.ec2.create_security_group,
            GroupName=name,
            Description=f"who may reach the RDS instance {plan.identifier}",
            VpcId=vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )
    except CloudError as error:  # somebody was quicker
        if error.code == "InvalidGroup.Duplicate" and (found := _find_group(cloud, name, vpc)):
            return found
        raise
    return made["GroupId"]


def choose_group(cloud: Cloud, plan: Plan, instance: Instance, *, to_open: bool = False) -> str:
    """Return the id of the group whose rules are ours to change.

    The plan's first; else the instance's only one, or the one of several that `ensure_group` made.

    Args:
        cloud: is asked for their names.
        plan: names groups, or none.
        instance: the group has to be one of its own, or a rule in it would change nothing.
        to_open: the VPC's default group is refused.

    Raises:
        CloudError: it cannot be told which; it is not the instance's; AWS refused, or was not reached.
    """
    if plan.security_groups and plan.security_groups[0] not in instance.groups:
        raise CloudError(
            f"{instance.identifier} is not in the security group {plan.security_groups[0]}",
            at=plan.at("security_groups"),
            hint="`inv rds.ensure` brings it there",
        )
    found = _fetch_groups(cloud, list(plan.security_groups[:1]) or instance.groups)
    own = [each for each in found if each.get("GroupName") == group_name(plan)]
    if len(chosen := own or found) != 1:
        raise CloudError(
            f"{instance.identifier} is in {len(found)} security groups",
            at=plan.at("security_groups"),
            hint="the one that rules go into comes first in the plan: security_groups",
        )
    if to_open and chosen[0].get("GroupName") == "default":
        raise CloudError(
            f"{chosen[0]['GroupId']} is the default group of its VPC: all that is in it would be opened",
            at=plan.at("security_groups"),
            hint="make a group for this instance alone, and name it in the plan: security_groups; `inv rds.ensure`"
            " brings it there",
        )
    return chosen[0]["GroupId"]


def group_name(plan: Plan) -> str:
    """Return the name of the plan's own group."""
    return f"pgproof-{plan.identifier}"


def _find_group(cloud: Cloud, name: str, vpc: str) -> str:
    """Return the id of the group of that name, which a VPC has once; empty where there is none."""
    wanted = {"group-name": name, "vpc-id": vpc}
    filters = [{"Name": key, "Values": [value]} for key, value in wanted.items()]
    found = cloud.ask(cloud.ec2.describe_security_groups, Filters=filters)["SecurityGroups"]  # type: ignore[arg-type]
    if len(found) > 1:
        raise CloudError(f"there are {len(found)} security groups {name} in {vpc}", hint="name one: security_groups")
    return found[0]["GroupId"] if found else ""


def _fetch_groups(cloud: Cloud, ids: list[str]) -> list[SecurityGroupTypeDef]:
    """Return groups; asked for none, AWS would return all there are."""
    return cloud.ask(cloud.ec2.describe_security_groups, GroupIds=ids)["SecurityGroups"] if ids else []


def _find_vpc(cloud: Cloud, plan: Plan) -> str:
    if plan.subnet_group:
        said = cloud.ask(cloud.rds.describe_db_subnet_groups, DBSubnetGroupName=plan.subnet_group)
        return said["DBSubnetGroups"][0]["VpcId"]
    filters = [{"Name": "is-default", "Values": ["true"]}]
    found = cloud.ask(cloud.ec2.describe_vpcs, Filters=filters)["Vpcs"]  # type: ignore[arg-type]
    if not found:
        raise CloudError(
            "the region has no default VPC", at=plan.at("identifier"), hint="say in the plan where: subnet_group"
        )
    return found[0]["VpcId"]
