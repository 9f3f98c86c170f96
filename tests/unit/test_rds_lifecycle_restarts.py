"""What restarts an instance: when `rds.ensure` asks for it, and what it does not do in passing."""

import pytest

from pgproof.errors import SettingsError
from pgproof.rds.plan import Plan
from tests.instances import PLANNED, Life
from tests.rds import make_plan
from tests.unit.test_rds_lifecycle import SMALL, modify

OLD_CLASS = {"DBInstanceClass": "db.t3.micro"}


@pytest.fixture
def plan(tmp_path) -> Plan:
    return make_plan(tmp_path, PLANNED)


@pytest.fixture
def life() -> Life:
    return Life()


def test_what_restarts_waits_for_the_maintenance_window_and_is_asked_for_last(life, plan):
    life.show("available", **SMALL, **OLD_CLASS)
    modify(life, at_once=True, AllocatedStorage=20)
    life.show("modifying", "available", **OLD_CLASS)
    modify(life, at_once=False, DBInstanceClass="db.t4g.micro")
    life.show("available", **OLD_CLASS, PendingModifiedValues={"DBInstanceClass": "db.t4g.micro"})

    done = life.provision(plan).ensure()

    life.end()
    assert [each.name for each in done.waiting] == ["instance_class"]


def test_what_restarts_is_done_with_the_rest_when_told_now(life, plan):
    life.show("available", **SMALL, **OLD_CLASS)
    modify(life, at_once=True, AllocatedStorage=20, DBInstanceClass="db.t4g.micro")
    life.show("modifying", "available")

    assert life.provision(plan, now=True).ensure().waiting == []
    life.end()


def test_what_waits_already_is_not_asked_for_again_but_when_told_now(plan):
    waiting = {**OLD_CLASS, "PendingModifiedValues": {"DBInstanceClass": "db.t4g.micro"}}
    calm, hasty = Life(), Life()
    calm.show("available", **waiting)
    hasty.show("available", **waiting)
    modify(hasty, at_once=True, DBInstanceClass="db.t4g.micro")
    hasty.show("modifying", "available")

    assert [each.name for each in calm.provision(plan).ensure().waiting] == ["instance_class"]
    assert hasty.provision(plan, now=True).ensure().waiting == []
    calm.end()
    hasty.end()


def test_nothing_is_done_at_once_that_would_have_a_waiting_restart_done_with_it(life, plan):
    waiting = {**OLD_CLASS, "PendingModifiedValues": {"DBInstanceClass": "db.t4g.micro"}}
    life.show("available", **SMALL, **waiting)
    modify(life, at_once=False, AllocatedStorage=20)
    life.show("available", **SMALL, **waiting)

    assert {each.name for each in life.provision(plan).ensure().waiting} == {"storage", "instance_class"}
    life.end()


def test_port_is_changed_only_when_told_now_because_rds_waits_with_that_for_no_window(plan):
    other = {"Endpoint": {"Address": "a", "Port": 5433}}
    calm, hasty = Life(), Life()
    calm.show("available", **SMALL, **other)
    hasty.show("available", **other)
    modify(hasty, at_once=True, DBPortNumber=5432)
    hasty.show("modifying", "available")

    with pytest.raises(SettingsError, match=r"(?s)port 5433 becomes 5432: RDS does not wait .*restarts.*--now"):
        calm.provision(plan).ensure()
    hasty.provision(plan, now=True).ensure()

    calm.end()
    hasty.end()


def test_certificate_of_another_root_restarts_nothing_before_the_maintenance_window(life, tmp_path):
    plan = make_plan(tmp_path, PLANNED + 'ca_certificate = "rds-ca-rsa2048-g1"')
    life.show("available", CACertificateIdentifier="rds-ca-2019")
    modify(life, at_once=False, CACertificateIdentifier="rds-ca-rsa2048-g1")
    life.show("available", CACertificateIdentifier="rds-ca-2019")

    assert [each.name for each in life.provision(plan).ensure().waiting] == ["ca_certificate"]
    life.end()
