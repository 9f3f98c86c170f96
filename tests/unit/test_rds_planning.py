"""What `inv rds.plan` says of a plan, with and without an answer of AWS'."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber
from invoke import Exit

from pgproof.errors import CloudError, Location
from pgproof.rds.cloud import Cloud
from pgproof.rds.finding import Finding
from pgproof.settings import read_settings
from pgproof.tasks import planning
from pgproof.tasks.screen import PlainScreen
from pgproof.tasks.task import Place
from tests.dynamo import KEYS
from tests.instances import PLANNED, Life
from tests.rds import make_plan
from tests.unit.test_rds_prices import ZONE, product

Show = Callable[[Cloud], list[str]]

WEAK = Finding(severity="warning", at=Location(Path("pyproject.toml"), 5), what="weak", hint="strong", rule="w")
WRONG = Finding(severity="error", at=Location(Path("pyproject.toml"), 6), what="wrong", rule="e")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the judge finds."""
    findings: list[Finding] = []
    monkeypatch.setattr("pgproof.rds.judging.judge", lambda _: findings)
    return findings


@pytest.fixture
def show(
    tmp_path: Path, found: list[Finding], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Show:
    """Show a plan as it is beside what a cloud has; return the lines."""
    assert not found
    make_plan(tmp_path, ZONE)

    def show(cloud: Cloud) -> list[str]:
        monkeypatch.setattr("pgproof.rds.cloud.open_cloud", lambda *_: cloud)
        place = Place(read_settings(tmp_path, environ={}), cast("Any", None), PlainScreen())
        cast("Any", planning.plan.body).__wrapped__(place)
        return capsys.readouterr().out.splitlines()

    return show


@pytest.fixture
def empty() -> Cloud:
    """A cloud without an instance, and with prices."""
    clients = {name: boto3.client(name, **KEYS) for name in ("rds", "pricing")}  # type: ignore[call-overload]
    stubs = {name: Stubber(client) for name, client in clients.items()}
    stubs["rds"].add_client_error("describe_db_instances", "DBInstanceNotFound")
    for _ in ("instance", "storage"):
        stubs["pricing"].add_response("get_products", {"PriceList": [product("1")]})
    for each in stubs.values():
        each.activate()
    return Cloud(clients.__getitem__, attempts=1)


def test_where_there_is_none_all_is_new_and_has_its_price(show: Show, empty: Cloud):
    lines = show(empty)

    assert ["storage", "20", "new"] in [each.split() for each in lines]
    assert lines[-2] == "there is no cruddur-db-instance: `inv rds.ensure` makes it"
    assert lines[-1].startswith("cost a month: 750.00 USD: db.t4g.micro 730.00 + 20 GiB of gp3 20.00;")


def test_what_waits_for_the_window_is_not_there_yet_and_what_a_plan_does_not_say_is_kept(
    tmp_path: Path, show: Show, monkeypatch: pytest.MonkeyPatch
):
    judged: list[bool] = []

    def judge(plan: Any) -> list[Finding]:
        judged.append(plan.multi_az)
        return []

    monkeypatch.setattr("pgproof.rds.judging.judge", judge)
    make_plan(tmp_path, PLANNED)
    waiting = {
        "MultiAZ": True,
        "DBInstanceClass": "db.t3.micro",
        "PendingModifiedValues": {"DBInstanceClass": "db.t4g.micro"},
    }
    life = Life()
    life.show("available", **waiting)
    clients = {"rds": life.cloud.rds, "pricing": boto3.client("pricing", **KEYS)}  # type: ignore[call-overload]
    with Stubber(clients["pricing"]) as pricing:
        pricing.add_client_error("get_products", "AccessDeniedException")
        lines = show(Cloud(clients.__getitem__, attempts=1))

    (line,) = [each.split() for each in lines if each.startswith("instance_class ")]
    assert line[1:4] == ["db.t4g.micro", "db.t3.micro", "asked"]
    assert "cruddur-db-instance is as planned, or will be" in lines
    assert ["multi_az", "false", "true", "kept:"] in [each.split()[:4] for each in lines]
    assert judged == [True]  # as it will be, and not by a default


def test_without_access_to_aws_it_says_why_and_judges_all_the_same(show: Show, found: list[Finding]):
    def refuse(_: str) -> None:
        raise CloudError("no AWS credentials")

    found.append(WEAK)

    assert show(Cloud(refuse, attempts=1))[-4:] == [
        "AWS does not say what there is: no AWS credentials",
        "cost a month: not known: AWS was not asked",
        "pyproject.toml:5: warning: weak (w)",
        "  hint: strong",
    ]


def test_a_plan_that_aws_would_refuse_ends_with_1(show: Show, empty: Cloud, found: list[Finding]):
    found += [WEAK, WRONG]

    with pytest.raises(Exit, match="error: 1 word of the plan that AWS would refuse") as caught:
        show(empty)
    assert caught.value.code == 1
