"""Which security group stands before an instance: made once, chosen for what it is, and never the VPC's default."""

from pathlib import Path
from typing import Any

import pytest

from pgproof.errors import CloudError
from pgproof.rds.firewall.group import choose_group, ensure_group
from pgproof.rds.instance import Instance
from tests.rds import Stubs, make_plan, make_stubs


@pytest.fixture
def stubs():
    made = make_stubs()
    yield made
    made.ec2.assert_no_pending_responses()
    made.rds.assert_no_pending_responses()


PLANNED = {"Filters": [{"Name": "group-name", "Values": ["pgproof-cruddur-db-instance"]}]}


def answer_groups(stubs: Stubs, *names: str, **asked: Any) -> None:
    groups = [{"GroupId": f"sg-{number:08}", "GroupName": name} for number, name in enumerate(names, 1)]
    stubs.ec2.add_response("describe_security_groups", {"SecurityGroups": groups}, asked or None)


def in_vpc(name: str) -> dict[str, Any]:
    return {"Filters": [*PLANNED["Filters"], {"Name": "vpc-id", "Values": [name]}]}


def test_a_group_is_made_in_the_vpc_of_the_subnet_group(stubs: Stubs, tmp_path: Path):
    plan = make_plan(tmp_path, 'identifier = "cruddur-db-instance"\nsubnet_group = "private"\ntags = {team = "a"}')
    subnets = {"DBSubnetGroups": [{"VpcId": "vpc-1"}]}
    stubs.rds.add_response("describe_db_subnet_groups", subnets, {"DBSubnetGroupName": "private"})
    answer_groups(stubs, **in_vpc("vpc-1"))
    tags = [{"Key": "team", "Value": "a"}, {"Key": "Name", "Value": "pgproof-cruddur-db-instance"}]
    asked = {
        "GroupName": "pgproof-cruddur-db-instance",
        "Description": "who may reach the RDS instance cruddur-db-instance",
        "VpcId": "vpc-1",
        "TagSpecifications": [{"ResourceType": "security-group", "Tags": tags}],
    }
    stubs.ec2.add_response("create_security_group", {"GroupId": "sg-new"}, asked)

    assert ensure_group(stubs.cloud, plan) == "sg-new"


def test_a_group_that_somebody_made_meanwhile_is_taken(stubs: Stubs, tmp_path: Path):
    stubs.ec2.add_response("describe_vpcs", {"Vpcs": [{"VpcId": "vpc-1"}]})
    answer_groups(stubs)
    stubs.ec2.add_client_error("create_security_group", "InvalidGroup.Duplicate")
    answer_groups(stubs, "pgproof-cruddur-db-instance", **in_vpc("vpc-1"))

    assert ensure_group(stubs.cloud, make_plan(tmp_path)) == "sg-00000001"


def test_a_region_without_a_default_vpc_says_what_the_plan_has_to(stubs: Stubs, tmp_path: Path):
    stubs.ec2.add_response("describe_vpcs", {"Vpcs": []})

    with pytest.raises(CloudError, match=r"pyproject\.toml:5: the region has no default VPC") as error:
        ensure_group(stubs.cloud, make_plan(tmp_path))

    assert "subnet_group" in error.value.hint


def an_instance(*groups: str) -> Instance:
    memberships = [{"VpcSecurityGroupId": each, "Status": "active"} for each in groups]
    return Instance({"DBInstanceIdentifier": "cruddur-db-instance", "VpcSecurityGroups": memberships})  # type: ignore[typeddict-item]


def test_rules_go_into_the_group_that_the_plan_names_first(stubs: Stubs, tmp_path: Path):
    plan = make_plan(tmp_path, 'identifier = "a"\nsecurity_groups = ["sg-00000001", "sg-00000002"]')
    answer_groups(stubs, "database", GroupIds=["sg-00000001"])

    assert choose_group(stubs.cloud, plan, an_instance("sg-00000002", "sg-00000001")) == "sg-00000001"


def test_a_planned_group_that_the_instance_is_not_in_yet_is_refused(stubs: Stubs, tmp_path: Path):
    plan = make_plan(tmp_path, 'identifier = "a"\nsecurity_groups = ["sg-00000001"]')

    with pytest.raises(CloudError, match=r"pyproject\.toml:6: .* is not in the security group sg-00000001"):
        choose_group(stubs.cloud, plan, an_instance("sg-00000002"))


def test_of_several_groups_the_one_of_our_making_is_chosen(stubs: Stubs, tmp_path: Path):
    answer_groups(stubs, "default", "pgproof-cruddur-db-instance", GroupIds=["sg-00000001", "sg-00000002"])

    assert choose_group(stubs.cloud, make_plan(tmp_path), an_instance("sg-00000001", "sg-00000002")) == "sg-00000002"


@pytest.mark.parametrize("names", [[], ["a", "b"]])
def test_where_it_cannot_be_told_which_group_is_meant_it_is_refused(stubs: Stubs, tmp_path: Path, names: list[str]):
    if names:
        answer_groups(stubs, *names)

    with pytest.raises(CloudError, match=rf"is in {len(names)} security groups"):
        choose_group(stubs.cloud, make_plan(tmp_path), an_instance(*names))


def test_the_default_group_of_a_vpc_is_not_opened_and_may_be_closed(stubs: Stubs, tmp_path: Path):
    for _ in range(2):
        answer_groups(stubs, "default")
    plan, instance = make_plan(tmp_path), an_instance("sg-00000001")

    with pytest.raises(CloudError, match=r"is the default group of its VPC(?s:.)*name it in the plan"):
        choose_group(stubs.cloud, plan, instance, to_open=True)
    assert choose_group(stubs.cloud, plan, instance) == "sg-00000001"
