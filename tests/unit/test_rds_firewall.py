"""Who may reach an instance: one rule a person, whatever others do to the rules meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgproof.errors import CloudError
from pgproof.rds.firewall.address import read_address
from pgproof.rds.firewall.firewall import Firewall
from pgproof.rds.firewall.label import Label
from pgproof.rds.firewall.rule import fetch_rules
from tests.rds import Stubs, make_stubs

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=8)
GROUP = "sg-0123456789abcdef0"
OFFICE, SIX = read_address("9.9.9.9"), read_address("2600::1")


def said(number: int, source: str, description: str = "", *, port: int = 5432, egress: bool = False) -> dict[str, Any]:
    """Return a rule as EC2 describes it."""
    where: dict[str, Any] = {"ReferencedGroupInfo": {"GroupId": source}}
    if "/" in source:
        where = {"CidrIpv6" if ":" in source else "CidrIpv4": source}
    return {
        "SecurityGroupRuleId": f"sgr-{number:08}",
        "GroupId": GROUP,
        "IsEgress": egress,
        "IpProtocol": "tcp",
        "FromPort": port,
        "ToPort": port,
        "Description": description,
        **where,
    }


def answer_rules(stubs: Stubs, *rules: dict[str, Any]) -> None:
    asked = {"Filters": [{"Name": "group-id", "Values": [GROUP]}]}
    stubs.ec2.add_response("describe_security_group_rules", {"SecurityGroupRules": list(rules)}, asked)


def expect_added(stubs: Stubs, description: str, **source: str) -> None:
    kind = "Ipv6Ranges" if "CidrIpv6" in source else "IpRanges"
    where = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, kind: [{**source, "Description": description}]}
    stubs.ec2.add_response("authorize_security_group_ingress", {}, {"GroupId": GROUP, "IpPermissions": [where]})


def expect_changed(stubs: Stubs, number: int, description: str, **source: str) -> None:
    rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "Description": description, **source}
    updates = [{"SecurityGroupRuleId": f"sgr-{number:08}", "SecurityGroupRule": rule}]
    stubs.ec2.add_response("modify_security_group_rules", {}, {"GroupId": GROUP, "SecurityGroupRules": updates})


def expect_removed(stubs: Stubs, number: int) -> None:
    asked = {"GroupId": GROUP, "SecurityGroupRuleIds": [f"sgr-{number:08}"]}
    stubs.ec2.add_response("revoke_security_group_ingress", {}, asked)


@pytest.fixture
def stubs():
    made = make_stubs()
    yield made
    made.ec2.assert_no_pending_responses()
    made.rds.assert_no_pending_responses()


@pytest.fixture
def firewall(stubs: Stubs) -> Firewall:
    return Firewall(stubs.cloud, GROUP, 5432)


ANDREW = str(Label("user/andrew", LATER))
BAYKO = str(Label("bayko", LATER))
EXPIRED = str(Label("bayko", NOW))


def open_to(firewall: Firewall, address: Any = OFFICE, person: str = "user/andrew"):
    return firewall.open_to(person, address, until=LATER, now=NOW)


def test_a_person_without_a_rule_gets_one(stubs: Stubs, firewall: Firewall):
    outward = said(1, "9.9.9.9/32", ANDREW, egress=True)
    for _ in range(2):
        answer_rules(stubs, outward)
    expect_added(stubs, "pgproof user/andrew until 2026-11-26T20:00Z", CidrIp="9.9.9.9/32")

    assert open_to(firewall).before is None


def test_a_rule_moves_along_with_its_person_and_keeps_its_id(stubs: Stubs, firewall: Firewall):
    for _ in range(2):
        answer_rules(stubs, said(1, "8.8.4.4/32", "pgproof user/andrew until 2026-11-25T20:00Z", port=5433))
    expect_changed(stubs, 1, ANDREW, CidrIpv4="9.9.9.9/32")

    opened = open_to(firewall)

    assert opened.before is not None
    assert (opened.before.source, opened.removed) == ("8.8.4.4/32", [])


def test_an_ipv6_rule_moves_as_one(stubs: Stubs, firewall: Firewall):
    for _ in range(2):
        answer_rules(stubs, said(1, "2600::2/128", ANDREW))
    expect_changed(stubs, 1, ANDREW, CidrIpv6="2600::1/128")

    open_to(firewall, SIX)


def test_a_rule_for_the_other_kind_of_address_is_made_anew_and_the_old_one_goes(stubs: Stubs, firewall: Firewall):
    for _ in range(2):
        answer_rules(stubs, said(1, "8.8.4.4/32", ANDREW))
    expect_added(stubs, ANDREW, CidrIpv6="2600::1/128")
    expect_removed(stubs, 1)

    assert [each.source for each in open_to(firewall, SIX).removed] == ["8.8.4.4/32"]


def test_of_several_rules_of_a_person_the_one_that_fits_stays(stubs: Stubs, firewall: Firewall):
    for _ in range(2):
        answer_rules(stubs, said(1, "8.8.4.4/32", ANDREW), said(2, "9.9.9.9/32", ANDREW))
    expect_changed(stubs, 2, ANDREW, CidrIpv4="9.9.9.9/32")
    expect_removed(stubs, 1)

    open_to(firewall)


def test_what_expired_goes_whosever_it_is_and_nothing_foreign_does(stubs: Stubs, firewall: Firewall):
    foreign = [said(2, "0.0.0.0/0"), said(3, "8.8.8.8/32", "pgproof bayko until doomsday"), said(4, "sg-0aaaaaaaa")]
    answer_rules(stubs, said(1, "8.8.4.4/32", EXPIRED), *foreign)
    expect_removed(stubs, 1)
    answer_rules(stubs, *foreign)
    expect_added(stubs, ANDREW, CidrIp="9.9.9.9/32")

    assert [each.source for each in open_to(firewall).removed] == ["8.8.4.4/32"]


@pytest.mark.parametrize("description", ["office", BAYKO])
def test_an_address_that_another_rule_lets_in_is_left_to_it_and_the_old_one_is_closed(
    stubs: Stubs, firewall: Firewall, description: str
):
    for _ in range(2):
        answer_rules(stubs, said(1, "9.9.9.9/32", description), said(2, "8.8.4.4/32", ANDREW))
    expect_removed(stubs, 2)

    opened = open_to(firewall)

    assert opened.instead is not None
    assert opened.instead.id == "sgr-00000001"


def test_a_rule_that_somebody_made_meanwhile_is_seen(stubs: Stubs, firewall: Firewall):
    for _ in range(2):
        answer_rules(stubs)
    stubs.ec2.add_client_error("authorize_security_group_ingress", "InvalidPermission.Duplicate")
    answer_rules(stubs, said(1, "9.9.9.9/32", ANDREW))
    expect_changed(stubs, 1, ANDREW, CidrIpv4="9.9.9.9/32")

    open_to(firewall)


def test_a_rule_that_went_meanwhile_is_made_anew(stubs: Stubs, firewall: Firewall):
    for _ in range(2):
        answer_rules(stubs, said(1, "8.8.4.4/32", ANDREW))
    stubs.ec2.add_client_error("modify_security_group_rules", "InvalidSecurityGroupRuleId.NotFound")
    answer_rules(stubs)
    expect_added(stubs, ANDREW, CidrIp="9.9.9.9/32")

    open_to(firewall)


def test_rules_that_never_hold_still_end_in_an_error(stubs: Stubs, firewall: Firewall):
    answer_rules(stubs)
    for _ in range(4):
        answer_rules(stubs)
        stubs.ec2.add_client_error("authorize_security_group_ingress", "InvalidPermission.Duplicate")

    with pytest.raises(CloudError, match=r"InvalidPermission\.Duplicate"):
        open_to(firewall)


@pytest.mark.parametrize(
    ("code", "hint"),
    [("RulesPerSecurityGroupLimitExceeded", "inv rds.deny"), ("UnauthorizedOperation", "may not do that")],
)
def test_what_aws_refuses_is_told_at_once_with_a_hint(stubs: Stubs, firewall: Firewall, code: str, hint: str):
    for _ in range(2):
        answer_rules(stubs)
    stubs.ec2.add_client_error("authorize_security_group_ingress", code)

    with pytest.raises(CloudError, match=code) as error:
        open_to(firewall)

    assert hint in error.value.hint


def test_throttling_is_survived(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("time.sleep", lambda _: None)
    stubs = make_stubs(attempts=3)
    for _ in range(2):
        stubs.ec2.add_client_error("describe_security_group_rules", "RequestLimitExceeded")
    answer_rules(stubs, said(1, "8.8.4.4/32", ANDREW))
    expect_removed(stubs, 1)

    assert Firewall(stubs.cloud, GROUP, 5432).close_to("user/andrew", now=NOW)


def test_denying_removes_ones_own_rule_and_what_expired(stubs: Stubs, firewall: Firewall):
    rules = [said(1, "8.8.4.4/32", ANDREW), said(2, "9.9.9.9/32", EXPIRED), said(3, "8.8.8.8/32", BAYKO)]
    answer_rules(stubs, *rules, said(4, "8.8.0.0/32"), said(5, "sg-0aaaaaaaa", "pgproof application"))
    for number in (1, 2):
        expect_removed(stubs, number)

    assert len(firewall.close_to("user/andrew", now=NOW)) == 2


def test_denying_all_removes_every_persons_rule_and_neither_foreign_ones_nor_the_applications(
    stubs: Stubs, firewall: Firewall
):
    rules = [said(1, "8.8.4.4/32", ANDREW), said(2, "9.9.9.9/32", EXPIRED), said(3, "8.8.8.8/32", BAYKO)]
    answer_rules(stubs, *rules, said(4, "8.8.0.0/32"), said(5, "sg-0aaaaaaaa", "pgproof application"))
    for number in (1, 2, 3):
        expect_removed(stubs, number)

    assert len(firewall.close_to("", now=NOW)) == 3


def test_a_rule_that_is_gone_already_is_no_error_to_remove(stubs: Stubs, firewall: Firewall):
    answer_rules(stubs, said(1, "8.8.4.4/32", ANDREW))
    stubs.ec2.add_client_error("revoke_security_group_ingress", "InvalidSecurityGroupRuleId.NotFound")

    assert firewall.close_to("user/andrew", now=NOW) == []


def test_our_rule_for_a_security_group_is_removed_by_its_name(stubs: Stubs, firewall: Firewall):
    answer_rules(stubs, said(1, "8.8.4.4/32", ANDREW), said(2, "sg-0aaaaaaaa", "pgproof application"))
    expect_removed(stubs, 2)

    assert [each.source for each in firewall.close_to_group("sg-0aaaaaaaa")] == ["sg-0aaaaaaaa"]


def test_a_foreign_rule_for_a_security_group_is_not_ours_to_remove(stubs: Stubs, firewall: Firewall):
    answer_rules(stubs, said(1, "sg-0aaaaaaaa", "by terraform"))

    with pytest.raises(CloudError, match="sgr-00000001 lets sg-0aaaaaaaa in, and is not a rule of ours"):
        firewall.close_to_group("sg-0aaaaaaaa")


def test_a_group_that_was_let_in_meanwhile_is_let_in(stubs: Stubs, firewall: Firewall):
    answer_rules(stubs)
    stubs.ec2.add_client_error("authorize_security_group_ingress", "InvalidPermission.Duplicate")

    assert firewall.open_to_group("sg-0aaaaaaaa") is False


def test_a_group_is_let_in_by_its_id_for_good(stubs: Stubs, firewall: Firewall):
    answer_rules(stubs, said(1, "sg-0aaaaaaaa", port=5433))
    pairs = [{"GroupId": "sg-0aaaaaaaa", "Description": "pgproof application"}]
    where = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": pairs}
    stubs.ec2.add_response("authorize_security_group_ingress", {}, {"GroupId": GROUP, "IpPermissions": [where]})

    assert firewall.open_to_group("sg-0aaaaaaaa") is True


def test_a_long_list_of_rules_is_read_to_its_end(stubs: Stubs):
    asked = {"Filters": [{"Name": "group-id", "Values": [GROUP]}]}
    pages = [({}, [said(1, "8.8.4.4/32")], {"NextToken": "more"}), ({"NextToken": "more"}, [said(2, "9.9.9.9/32")], {})]
    for token, rules, more in pages:
        stubs.ec2.add_response("describe_security_group_rules", {"SecurityGroupRules": rules, **more}, asked | token)

    assert [each.source for each in fetch_rules(stubs.cloud, GROUP)] == ["8.8.4.4/32", "9.9.9.9/32"]
