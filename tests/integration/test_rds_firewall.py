"""rds.allow, rds.deny and rds.rules against moto's EC2 and RDS, by the command line in this process."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pgproof.rds.cloud import Cloud
from pgproof.rds.firewall import address
from pgproof.rds.firewall.group import ensure_group
from pgproof.rds.firewall.label import Label
from tests.dynamo import moto_server
from tests.inv import Ended, enter, run
from tests.rds import connect_cloud, make_plan

PUBLIC = 'identifier = "cruddur-db-instance"\npublicly_accessible = true'
APPLICATION = "sg-0aaaaaaaa"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture(scope="module")
def cloud(url: str) -> Cloud:
    return connect_cloud(url)


@pytest.fixture
def group(cloud: Cloud, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The security group of a public instance; we stand in its project."""
    plan = make_plan(tmp_path, PUBLIC)
    enter(tmp_path, url, monkeypatch)
    made = ensure_group(cloud, plan)
    make_instance(cloud, made)
    yield made
    cloud.rds.delete_db_instance(DBInstanceIdentifier=plan.identifier, SkipFinalSnapshot=True)
    cloud.ec2.delete_security_group(GroupId=made)


def make_instance(cloud: Cloud, group: str, **otherwise: Any) -> None:
    cloud.rds.create_db_instance(
        DBInstanceIdentifier="cruddur-db-instance",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        VpcSecurityGroupIds=[group],
        **{"PubliclyAccessible": True, "Port": 5432, **otherwise},
    )


@pytest.fixture
def held(cloud: Cloud, group: str) -> Callable[[], list[tuple[str, str, str]]]:
    """What the group holds of rules for who comes in: id, from where, description."""

    def fetch() -> list[tuple[str, str, str]]:
        found = cloud.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])
        return [
            (each["SecurityGroupRuleId"], each.get("CidrIpv4") or each.get("CidrIpv6", ""), each.get("Description", ""))
            for each in found["SecurityGroupRules"]
            if not each["IsEgress"]
        ]

    return fetch


def put(cloud: Cloud, group: str, cidr: str, description: str) -> None:
    """Make a rule by hand."""
    where = [{"CidrIp": cidr, "Description": description}]
    permission = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "IpRanges": where}
    cloud.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])  # type: ignore[list-item]


def refused(ended: Ended) -> str:
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: ")
    return ended.err


def test_one_rule_follows_its_person_from_address_to_address_and_goes(held: Callable[[], list[tuple[str, str, str]]]):
    first = run("rds.allow", "--ip=8.8.4.4")
    (made,) = held()
    second = run("rds.allow", "--ip=9.9.9.9/32", "--ttl=30min")
    (moved,) = held()
    third = run("rds.deny")

    assert re.fullmatch(r"8\.8\.4\.4/32 may reach port 5432 until 20..-..-.. ..:.. UTC, user/moto\n", first.out)
    assert re.fullmatch(r"9\.9\.9\.9/32 may .* UTC, user/moto; before: 8\.8\.4\.4/32\n", second.out)
    assert (made[0], moved[1]) == (moved[0], "9.9.9.9/32")
    assert re.fullmatch(r"pgproof user/moto until 20..-..-..T..:..Z", moved[2])
    assert re.fullmatch(r"removed: 9\.9\.9\.9/32, user/moto, until 20.*UTC\n", third.out)
    assert held() == []
    assert run("rds.deny").out == "there was no rule of user/moto\n"


def test_the_address_that_aws_sees_is_let_in(
    held: Callable[[], list[tuple[str, str, str]]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(address, "_ask", lambda: b"2600::1\n")

    allowed = run("rds.allow")

    assert allowed.err == ""
    assert "has an IPv4 address only: from there nobody reaches it" in allowed.out
    assert [each[1] for each in held()] == ["2600::1/128"]


def test_everybody_has_a_rule_of_their_own_and_all_go_at_once_but_foreign_ones(
    cloud: Cloud, group: str, held: Callable[[], list[tuple[str, str, str]]]
):
    put(cloud, group, "8.8.8.8/32", "office")
    for name, ip in (("andrew", "8.8.4.4"), ("bayko", "9.9.9.9")):
        run("rds.allow", f"--name={name}", f"--ip={ip}")

    assert len(held()) == 3
    assert run("rds.deny", "--name=bayko").out.startswith("removed: 9.9.9.9/32, bayko")
    assert run("rds.deny", "--all").out.startswith("removed: 8.8.4.4/32, andrew")
    assert [each[1] for each in held()] == ["8.8.8.8/32"]


def test_expired_rules_are_shown_until_the_next_change_removes_them(
    cloud: Cloud, group: str, held: Callable[[], list[tuple[str, str, str]]]
):
    ended = datetime.now(UTC) - timedelta(minutes=2)
    put(cloud, group, "8.8.4.4/32", str(Label("bayko", ended)))

    shown = run("rds.rules")
    assert "expired  bayko" in shown.out
    assert "stays open until `inv rds.allow` or `inv rds.deny` removes it" in shown.out
    assert len(held()) == 1

    done = run("rds.allow", "--ip=9.9.9.9").out.splitlines()
    assert done[1] == f"removed: 8.8.4.4/32, bayko, until {ended:%Y-%m-%d %H:%M} UTC"
    assert [each[1] for each in held()] == ["9.9.9.9/32"]


def test_an_address_that_a_foreign_rule_lets_in_already_is_told_and_left(
    cloud: Cloud, group: str, held: Callable[[], list[tuple[str, str, str]]]
):
    put(cloud, group, "8.8.4.4/32", "office")

    done = run("rds.allow", "--ip=8.8.4.4")

    assert "already: sgr-" in done.out
    assert "of office lets it in" in done.out
    assert [each[2] for each in held()] == ["office"]


def test_all_rules_are_shown_for_a_person_and_for_a_script(cloud: Cloud, group: str):
    assert run("rds.rules").out == "no rule: nobody reaches it\n"
    put(cloud, group, "0.0.0.0/0", "\x9b31mfor now\u202e")
    run("rds.allow", "--ip=8.8.4.4", "--name=andrew")
    run("rds.allow", f"--group={group}")

    told = run("rds.rules").out
    state, who, *_ = told.splitlines()[1].split("  ")
    assert (state, who) == ("wide open", "\\u009b31mfor now\\u202e")
    assert not {"\x9b", "\u202e"} & set(told)

    text = run("rds.rules", "--json").out
    rules = json.loads(text)
    assert [(each["state"], each["from"]) for each in rules] == [
        ("wide open", "0.0.0.0/0"),
        ("ours", "8.8.4.4/32"),
        ("foreign", group),  # moto keeps no description of a rule for a group
    ]
    assert {(each["protocol"], each["ports"], each["group"]) for each in rules} == {("tcp", "5432", group)}
    assert rules[1]["who"] == "andrew"
    assert text.isascii()


def test_a_security_group_is_let_in_once(group: str):
    assert run("rds.allow", f"--group={group}").out == f"{group} may reach port 5432\n"
    assert run("rds.allow", f"--group={group}").out == f"{group} may reach port 5432, as it was\n"


def test_a_private_instance_is_not_opened_to_an_address_and_the_way_in_is_told(
    cloud: Cloud, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_plan(tmp_path, 'identifier = "cruddur-db-instance"\npublicly_accessible = false')
    enter(tmp_path, url, monkeypatch)
    default = cloud.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
    make_instance(cloud, default, PubliclyAccessible=False)

    error = refused(run("rds.allow", "--ip=8.8.4.4"))

    assert "pyproject.toml:6: cruddur-db-instance is private" in error
    assert "PGPROOF_TUNNEL" in error
    assert "is the default group of its VPC" in refused(run("rds.allow", f"--group={APPLICATION}"))
    cloud.rds.delete_db_instance(DBInstanceIdentifier="cruddur-db-instance", SkipFinalSnapshot=True)


def test_an_instance_that_does_not_exist_is_told(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    make_plan(tmp_path)
    enter(tmp_path, url, monkeypatch)

    for words in (["rds.allow", "--ip=8.8.4.4"], ["rds.deny"], ["rds.rules"]):
        assert "there is no RDS instance cruddur-db-instance" in refused(run(*words))


@pytest.mark.parametrize(
    "words",
    [
        ("rds.allow", "--ip=0.0.0.0/0"),
        ("rds.allow", "--ip=8.8.4.0/24"),
        ("rds.allow", "--ip=10.0.0.1"),
        ("rds.allow", "--ip=/32"),
        ("rds.allow", "--ip="),
        ("rds.allow", "--group="),
        ("rds.allow", "--ip=8.8.4.4", "--name="),
        ("rds.deny", "--name="),
        ("rds.allow", "--ip=8.8.4.4", "--ttl=8d"),
        ("rds.allow", "--ip=8.8.4.4", "--name=an drew"),
        ("rds.allow", "--group=sg-nothing"),
        ("rds.allow", f"--group={APPLICATION}", "--ip=8.8.4.4"),
        ("rds.allow", f"--group={APPLICATION}", "--ttl=1h"),
        ("rds.deny", "--all", "--name=andrew"),
        ("rds.deny", "--name=an drew"),
        ("rds.deny", "--group=default"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
):
    make_plan(tmp_path, PUBLIC)
    enter(tmp_path, "http://127.0.0.1:1", monkeypatch)

    assert "AWS" not in refused(run(*words)).partition("hint: ")[0]
