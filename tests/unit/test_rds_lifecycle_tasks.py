"""What `inv rds.*` says of an instance and of waiting for it."""

from datetime import UTC, datetime
from typing import Any, cast

from pgproof.rds.facts import read_facts
from pgproof.rds.instance import Instance
from pgproof.settings import read_settings
from pgproof.tasks import lifecycle
from pgproof.tasks.screen import PlainScreen
from pgproof.tasks.task import Place
from tests.instances import GROUP, PLANNED, Life, describe
from tests.rds import make_plan

REBOOT = {"DBParameterGroups": [{"DBParameterGroupName": "cruddur", "ParameterApplyStatus": "pending-reboot"}]}
SOON = datetime(2026, 12, 3, 16, 0, tzinfo=UTC)


def read(**more: Any) -> dict[str, Any]:
    return read_facts(Instance(cast("Any", describe(**more))))


def test_facts_tell_what_one_asks_for_first():
    facts = read(CertificateDetails={"ValidTill": SOON}, AutomaticRestartTime=SOON, status="stopped")

    assert list(facts)[:4] == ["identifier", "status", "host", "port"]
    expected = {"status": "stopped", "storage": 20, "certificate_expires": SOON, "starts_by_itself": SOON}
    assert facts.items() >= expected.items()
    assert facts["security_groups"] == [GROUP]


def test_what_rds_does_not_tell_is_none_and_an_instance_in_the_making_has_no_address():
    facts = read(Endpoint={}, status="creating")

    assert (facts["host"], facts["port"], facts["starts_by_itself"]) == (None, None, None)


def test_pending_changes_are_told_but_for_a_password():
    facts = read(PendingModifiedValues={"DBInstanceClass": "db.t4g.small", "MasterUserPassword": "****"})

    assert facts["pending"] == {"DBInstanceClass": "db.t4g.small"}


def test_parameters_that_wait_for_a_reboot_are_told():
    assert [read(**REBOOT)["awaits_reboot"], read()["awaits_reboot"]] == [True, False]


def test_ensure_says_that_parameters_wait_for_a_reboot(tmp_path, monkeypatch, capsys):
    make_plan(tmp_path, PLANNED)
    life = Life()
    life.show("available", **REBOOT)
    monkeypatch.setattr("pgproof.rds.cloud.open_cloud", lambda *_: life.cloud)
    place = Place(read_settings(tmp_path, environ={}), cast("Any", None), PlainScreen())
    cast("Any", lifecycle.ensure.body).__wrapped__(place)

    assert "waiting for a reboot" in capsys.readouterr().out.splitlines()[0]


def test_log_has_a_line_for_what_is_new_and_one_a_minute(capsys):
    now = 0.0
    tell = lifecycle.follow_status(PlainScreen(), clock=lambda: now)
    for now in range(0, 100, 10):
        tell("x: creating" if now < 90 else "x: backing-up")

    assert capsys.readouterr().out.splitlines() == ["0:00 x: creating", "1:00 x: creating", "1:30 x: backing-up"]
