"""`rds.ensure` through what AWS answers; botocore refuses a request that is not foreseen."""

import pytest

from pgproof.errors import CloudError, SettingsError, SqlFileError
from pgproof.rds.finding import Finding
from pgproof.rds.plan import Plan
from pgproof.rds.request import make_creation
from tests.instances import ARN, NAME, PLANNED, Life
from tests.rds import make_plan

SMALL = {"AllocatedStorage": 10}


@pytest.fixture
def plan(tmp_path) -> Plan:
    return make_plan(tmp_path, PLANNED)


@pytest.fixture
def life() -> Life:
    return Life()


def modify(life: Life, *, at_once: bool, **arguments: object) -> None:
    life.take("modify_db_instance", DBInstanceIdentifier=NAME, ApplyImmediately=at_once, **arguments)


def test_instance_is_made_and_waited_for_through_all_that_comes_before_available(life, plan):
    life.show("gone")
    life.take("create_db_instance", **make_creation(plan, ""))
    life.show("gone", "creating", "configuring-enhanced-monitoring", "backing-up", "something-new", "available")

    done = life.provision(plan).ensure()

    life.end()
    assert (done.made, done.changed, done.waiting, done.instance.status) == (True, (), (), "available")
    assert life.told == [
        f"{NAME}: {each}"
        for each in ("not there yet", "creating", "configuring-enhanced-monitoring", "backing-up", "something-new")
    ]
    assert life.now == 50


def test_second_run_asks_for_nothing_and_has_nothing_judged(life, plan):
    life.show("available")

    done = life.provision(plan, [finding(plan, "engine_version")]).ensure()

    life.end()
    assert (done.made, done.changed, done.waiting) == (False, [], [])


def test_run_that_meets_an_instance_being_made_goes_on_waiting(life, plan):
    life.show("creating", "creating", "available")

    assert not life.provision(plan).ensure().made
    life.end()


def test_creation_that_somebody_else_won_or_whose_reply_was_lost_is_waited_for(life, plan):
    life.show("gone")
    life.refuse("create_db_instance", "DBInstanceAlreadyExists")
    life.show("creating", "available")

    assert not life.provision(plan).ensure().made
    life.end()


def test_change_is_asked_for_and_waited_for_until_it_is_seen(life, plan):
    life.show("available", **SMALL)
    modify(life, at_once=True, AllocatedStorage=20)
    life.show("available", "modifying", **SMALL)  # RDS takes a moment to show that it works
    life.show("storage-optimization")

    done = life.provision(plan).ensure()

    life.end()
    assert [each.name for each in done.changed] == ["storage"]
    assert done.waiting == []


def test_what_is_never_seen_to_change_is_not_waited_for_for_long(life, plan):
    life.show("available", **SMALL)
    modify(life, at_once=True, AllocatedStorage=20)
    life.show(*["available"] * 13, **SMALL)

    done = life.provision(plan).ensure()

    life.end()
    assert [each.name for each in done.waiting] == ["storage"]
    assert life.now == 120


def test_tags_are_put_on_and_nobody_elses_taken_off(life, tmp_path):
    plan = make_plan(tmp_path, PLANNED + 'tags = {team = "bayko", cost = "1"}')
    life.show("available")
    tags = [{"Key": "team", "Value": "bayko"}, {"Key": "cost", "Value": "1"}]
    life.take("add_tags_to_resource", ResourceName=ARN, Tags=tags)
    life.show("available", TagList=tags)

    life.provision(plan).ensure()

    life.end()


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ({"AllocatedStorage": 30}, r":8: storage 30 never becomes 20\n  hint: storage never shrinks"),
        ({"EngineVersion": "19.1"}, "engine_version 19.1 never becomes 18\n  hint: RDS never goes back"),
        ({"StorageEncrypted": False}, "encrypted false never becomes true\n  hint: .*encrypted copy of a snapshot"),
        ({"DBName": "other"}, "database other never becomes cruddur\n  hint: RDS makes the first one only"),
    ],
)
def test_what_can_never_change_is_refused_with_its_line_before_anything_is_asked(life, tmp_path, standing, expected):
    plan = make_plan(tmp_path, "storage = 20\n" + PLANNED)
    life.show("available", **standing, MultiAZ=True)

    with pytest.raises(SqlFileError, match=expected.replace(":8:", ":5:")):
        life.provision(plan).ensure()

    life.end()


def test_upgrade_that_has_no_way_back_is_only_done_when_named(plan):
    calm, bold = Life(), Life()
    for each in (calm, bold):
        each.show("available", EngineVersion="17.5")
    modify(bold, at_once=True, EngineVersion="18", AllowMajorVersionUpgrade=True)
    bold.show("upgrading", "available")

    with pytest.raises(SettingsError, match=r"(?s)17\.5 becomes 18.*no way back.*--major"):
        calm.provision(plan).ensure()
    bold.provision(plan, major=True, now=True).ensure()

    calm.end()
    bold.end()


def finding(plan: Plan, word: str, severity: str = "error") -> Finding:
    return Finding(
        severity=severity,  # type: ignore[arg-type]
        at=plan.at(word),
        what=f"{word} is bad",
        hint="better",
        rule="E1",
        field=word,
    )


def test_plan_that_cannot_work_makes_nothing(life, plan):
    life.show("gone")

    with pytest.raises(SqlFileError, match=r"pyproject.toml:\d+: engine_version is bad \(E1\)\n  hint: better"):
        life.provision(plan, [finding(plan, "engine_version")]).ensure()

    life.end()


def test_warning_of_the_judge_stops_nothing(life, plan):
    life.show("gone")
    life.take("create_db_instance", **make_creation(plan, ""))
    life.show("available")

    assert life.provision(plan, [finding(plan, "engine_version", "warning")]).ensure().made


@pytest.mark.parametrize("written", ["", "deletion_protection = false"])
def test_error_of_the_judge_stops_a_change_only_where_it_is_what_changes(tmp_path, written):
    """Words that a plan leaves out have one line, where it begins: what is bad of one is nothing against another."""
    text = PLANNED if written else PLANNED.replace('engine_version = "18"\n', "")
    plan, protected = make_plan(tmp_path, text + written), not written
    old, new = Life(), Life()
    for each in (old, new):
        each.show("available", DeletionProtection=not protected)
    modify(old, at_once=True, DeletionProtection=protected)
    old.show("available", DeletionProtection=protected)

    old.provision(plan, [finding(plan, "engine_version")]).ensure()
    with pytest.raises(SqlFileError, match="deletion_protection is bad"):
        new.provision(plan, [finding(plan, "deletion_protection")]).ensure()

    old.end()
    new.end()


def test_missing_password_is_told_before_anything_is_made(life, tmp_path):
    plan = make_plan(tmp_path, PLANNED.replace("security_groups", "# ") + 'master_password = "environment"')
    life.show("gone")

    with pytest.raises(SettingsError, match="MASTER_USER_PASSWORD is not set"):
        life.provision(plan).ensure()


def test_password_is_in_no_text_of_what_is_done_with_it(life, tmp_path):
    plan = make_plan(tmp_path, PLANNED + 'master_password = "environment"')
    provision = life.provision(plan, password="s3cret-s3cret")  # noqa: S106
    life.show("gone")
    life.refuse("create_db_instance", "InvalidParameterValue")

    with pytest.raises(CloudError) as caught:
        provision.ensure()

    assert "s3cret" not in f"{provision!r} {caught.value!r} {caught.value} {caught.value.__cause__!r} {life.told}"


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("InstanceQuotaExceeded", "ask AWS for more"),
        ("StorageQuotaExceeded", "ask AWS for more"),
        ("InsufficientDBInstanceCapacity", "plan another zone or class"),
        ("AccessDenied", "may not do that"),
        ("ExpiredToken", "get new credentials"),
        ("InvalidParameterCombination", "because of"),  # a class that the region has not
    ],
)
def test_refused_creation_says_why_and_what_to_do(life, plan, code, hint):
    life.show("gone")
    life.refuse("create_db_instance", code)

    with pytest.raises(CloudError, match=rf"(?s)CreateDBInstance: {code}.*{hint}"):
        life.provision(plan).ensure()


def test_failed_instance_is_left_alone_unless_the_plan_mends_it(plan):
    failed, full = Life(), Life()
    failed.show("failed", **SMALL)
    full.show("storage-full", **SMALL)
    modify(full, at_once=True, AllocatedStorage=20)
    full.show("storage-full", "modifying", **SMALL)
    full.show("available")

    with pytest.raises(CloudError, match=rf"(?s){NAME} is failed.*describe-events"):
        failed.provision(plan).ensure()
    assert full.provision(plan).ensure().instance.status == "available"

    failed.end()
    full.end()


def test_stopped_instance_is_not_changed(life, plan):
    life.show("stopped", **SMALL)

    with pytest.raises(CloudError, match=r"(?s)is stopped.*inv rds.start"):
        life.provision(plan).ensure()

    life.end()
