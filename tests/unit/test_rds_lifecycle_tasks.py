"""What `inv rds.*` says of an instance and of waiting for it."""

from datetime import UTC, datetime
from typing import Any, cast

from pgproof.rds.facts import read_facts
from pgproof.rds.instance import Instance
from pgproof.tasks import lifecycle
from pgproof.tasks.screen import PlainScreen
from tests.instances import GROUP, describe

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


def test_log_has_a_line_for_what_is_new_and_one_a_minute(capsys):
    now = 0.0
    tell = lifecycle.follow_status(PlainScreen(), clock=lambda: now)
    for now in range(0, 100, 10):
        tell("x: creating" if now < 90 else "x: backing-up")

    assert capsys.readouterr().out.splitlines() == ["0:00 x: creating", "1:00 x: creating", "1:30 x: backing-up"]
