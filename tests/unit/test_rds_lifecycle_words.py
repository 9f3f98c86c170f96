"""A plan beside its instance, and the requests that make or change one; nothing is asked."""

from typing import Any, cast

import pytest

from pgproof.errors import SettingsError
from pgproof.rds.difference import compare
from pgproof.rds.instance import Instance
from pgproof.rds.plan import Plan
from pgproof.rds.request import make_creation, make_modification
from tests.instances import GROUP, NAME, PLANNED, describe
from tests.rds import BOOTCAMP, make_plan

WRITTEN = """
backup_retention = 7
extended_support = false
ca_certificate = "rds-ca-rsa2048-g1"
iam = false
master_password = "managed"
multi_az = false
publicly_accessible = false
performance_insights = 7
storage_max = 0
storage_type = "gp3"
"""
GOOD = "a good-Passw0rd".replace(" ", "+")


@pytest.fixture
def plan(tmp_path) -> Plan:
    return make_plan(tmp_path, PLANNED)


def said(**more: Any) -> Instance:
    return Instance(cast("Any", describe(**more)))


def changes(plan: Plan, **more: Any) -> list[tuple[str, str, str, str]]:
    return [(each.name, each.before, each.after, each.change) for each in compare(plan, said(**more))]


def test_what_is_as_planned_does_not_differ(plan):
    assert changes(plan) == []


def test_without_an_instance_all_that_is_planned_is_to_come_and_nothing_that_is_left_to_aws(plan):
    found = {each.name: (each.before, each.after) for each in compare(plan, None)}

    assert found["storage"] == ("", "20")
    assert found["security_groups"] == ("", GROUP)
    assert found["deletion_protection"] == ("", "true")
    assert found["master_password"] == ("", "managed")
    assert not found.keys() & {"kms_key", "subnet_group", "parameter_group", "backup_window", "tags"}


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ({"DBInstanceClass": "db.t3.micro"}, ("instance_class", "db.t3.micro", "db.t4g.micro", "with a restart")),
        ({"EngineVersion": "17.5"}, ("engine_version", "17.5", "18", "with a restart")),
        ({"EngineVersion": "19.1"}, ("engine_version", "19.1", "18", "never")),
        ({"DBName": "other"}, ("database", "other", "cruddur", "never")),
        ({"MasterUsername": "root"}, ("username", "root", "cruddur_master", "never")),
        ({"Endpoint": {"Address": "a", "Port": 5433}}, ("port", "5433", "5432", "with a restart")),
        ({"AllocatedStorage": 10}, ("storage", "10", "20", "at once")),
        ({"AllocatedStorage": 18}, ("storage", "18", "20", "at once")),
        ({"AllocatedStorage": 19}, ("storage", "19", "20", "never")),  # RDS would make 21 of it, and the plan a lie
        ({"AllocatedStorage": 30}, ("storage", "30", "20", "never")),
        ({"MaxAllocatedStorage": 100}, ("storage_max", "100", "0", "at once")),
        ({"StorageType": "gp2"}, ("storage_type", "gp2", "gp3", "at once")),
        ({"StorageType": "standard"}, ("storage_type", "standard", "gp3", "with a restart")),
        ({"StorageEncrypted": False}, ("encrypted", "false", "true", "never")),
        ({"AvailabilityZone": "ca-central-1b"}, ("availability_zone", "ca-central-1b", "ca-central-1a", "never")),
        ({"MultiAZ": True}, ("multi_az", "true", "false", "at once")),
        ({"PubliclyAccessible": True}, ("publicly_accessible", "true", "false", "at once")),
        ({"VpcSecurityGroups": []}, ("security_groups", "", GROUP, "at once")),
        ({"BackupRetentionPeriod": 1}, ("backup_retention", "1", "7", "at once")),
        ({"BackupRetentionPeriod": 0}, ("backup_retention", "0", "7", "with a restart")),
        ({"DeletionProtection": False}, ("deletion_protection", "false", "true", "at once")),
        ({"PerformanceInsightsEnabled": False}, ("performance_insights", "0", "7", "at once")),
        (
            {"CACertificateIdentifier": "rds-ca-2019"},
            ("ca_certificate", "rds-ca-2019", "rds-ca-rsa2048-g1", "with a restart"),
        ),
        ({"AutoMinorVersionUpgrade": False}, ("minor_upgrades", "false", "true", "at once")),
        (
            {"EngineLifecycleSupport": "open-source-rds-extended-support"},
            ("extended_support", "true", "false", "at once"),
        ),
        ({"IAMDatabaseAuthenticationEnabled": True}, ("iam", "true", "false", "at once")),
        ({"MasterUserSecret": {}}, ("master_password", "not managed", "managed", "at once")),
    ],
    ids=lambda value: f"{value}".translate({ord(each): None for each in "{}()[]' "}),
)
def test_every_word_that_differs_is_told_with_what_its_change_takes(tmp_path, standing, expected):
    assert changes(make_plan(tmp_path, PLANNED + WRITTEN), **standing) == [expected]


@pytest.mark.parametrize(
    "standing",
    [
        {"BackupRetentionPeriod": 35},
        {"EngineLifecycleSupport": "open-source-rds-extended-support"},
        {"IAMDatabaseAuthenticationEnabled": True},
        {"MaxAllocatedStorage": 100},
        {"MultiAZ": True},
        {"PerformanceInsightsRetentionPeriod": 731},
        {"PubliclyAccessible": True},
    ],
)
def test_what_an_instance_has_more_of_is_taken_away_only_by_a_plan_that_says_so(tmp_path, plan, standing):
    assert changes(plan, **standing) == []
    assert len(changes(make_plan(tmp_path, PLANNED + WRITTEN), **standing)) == 1


@pytest.mark.parametrize(
    "standing",
    [
        {"DBInstanceClass": "db.r6g.4xlarge"},
        {"Endpoint": {"Address": "a", "Port": 5433}},
        {"StorageType": "io2"},
        {"MasterUserSecret": {}},
        {"CACertificateIdentifier": "rds-ca-rsa4096-g1"},
    ],
)
def test_what_runs_is_not_changed_to_a_default(tmp_path, standing):
    said_less = make_plan(tmp_path, f'identifier = "{NAME}"')

    assert changes(said_less, **standing) == changes(said_less)


@pytest.mark.parametrize(
    ("text", "standing"),
    [
        ('kms_key = "alias/cruddur"', {}),
        ('kms_key = "1234abcd-12ab-34cd-56ef-1234567890ab"', {}),
        ('parameter_group = "Default.Postgres18"', {}),
        ('subnet_group = "DEFAULT"', {}),
        (
            'tags = {team = "cruddur"}',
            {"TagList": [{"Key": "team", "Value": "cruddur"}, {"Key": "cost", "Value": "1"}]},
        ),
        ("storage_max = 100", {"AllocatedStorage": 33, "MaxAllocatedStorage": 100}),
        ("", {"MaxAllocatedStorage": 20}),
        ("", {"AllocatedStorage": 10, "PendingModifiedValues": {"AllocatedStorage": 20}}),
        ("", {"Endpoint": {"Address": "a", "Port": 1150}, "PendingModifiedValues": {"Port": 5432}}),
        ('master_password = "iam"\niam = true', {"MasterUserSecret": {}, "IAMDatabaseAuthenticationEnabled": True}),
    ],
)
def test_what_rds_writes_otherwise_or_will_have_soon_does_not_differ(tmp_path, text, standing):
    assert changes(make_plan(tmp_path, PLANNED + text), **standing) == []


def test_what_rds_does_not_tell_does_not_differ(plan):
    told = describe()
    for name in ("PerformanceInsightsEnabled", "EngineLifecycleSupport", "CACertificateIdentifier", "DBName"):
        del told[name]

    assert compare(plan, Instance(cast("Any", told))) == []


def test_what_waits_for_the_maintenance_window_differs_when_asked_for_what_is_there_now(plan):
    waiting = said(DBInstanceClass="db.t3.micro", PendingModifiedValues={"DBInstanceClass": "db.t4g.micro"})

    assert [each.name for each in compare(plan, waiting, pending=False)] == ["instance_class"]


def test_a_group_that_is_being_taken_off_is_none(plan):
    groups = [{"VpcSecurityGroupId": GROUP}, {"VpcSecurityGroupId": "sg-00000001", "Status": "removing"}]

    assert changes(plan, VpcSecurityGroups=groups) == []


def test_minor_version_that_aws_upgraded_is_as_planned_unless_upgrades_are_off(tmp_path):
    minor = PLANNED.replace('"18"', '"18.3"')

    assert changes(make_plan(tmp_path, minor)) == []
    assert changes(make_plan(tmp_path, minor + "minor_upgrades = false"), AutoMinorVersionUpgrade=False) == [
        ("engine_version", "18.4", "18.3", "never")
    ]


def test_the_bootcamps_instance_is_asked_for_with_exactly_its_options(tmp_path):
    plan = make_plan(tmp_path, BOOTCAMP)

    assert make_creation(plan, GOOD) == {
        "DBInstanceIdentifier": "cruddur-db-instance",
        "DBInstanceClass": "db.t3.micro",
        "Engine": "postgres",
        "EngineVersion": "14.6",
        "MasterUsername": "cruddurroot",
        "MasterUserPassword": GOOD,
        "AllocatedStorage": 20,
        "StorageType": "gp2",
        "AvailabilityZone": "ca-central-1a",
        "BackupRetentionPeriod": 0,
        "Port": 5432,
        "MultiAZ": False,
        "DBName": "cruddur",
        "PubliclyAccessible": True,
        "StorageEncrypted": True,
        "EnablePerformanceInsights": True,
        "PerformanceInsightsRetentionPeriod": 7,
        "DeletionProtection": False,
        # what its command left out, or had by default then
        "CACertificateIdentifier": "rds-ca-2019",
        "EngineLifecycleSupport": "open-source-rds-extended-support",
        "AutoMinorVersionUpgrade": True,
        "CopyTagsToSnapshot": True,
        "DatabaseInsightsMode": "standard",
        "EnableIAMDatabaseAuthentication": False,
    }


@pytest.mark.parametrize(
    ("text", "expected", "absent"),
    [
        ("", {"ManageMasterUserPassword": True}, {"MasterUserPassword", "MasterUserAuthenticationType"}),
        (
            'master_password = "iam"',
            {"MasterUserAuthenticationType": "iam-db-auth", "EnableIAMDatabaseAuthentication": True},
            {"MasterUserPassword", "ManageMasterUserPassword"},
        ),
        ("performance_insights = 0", {"EnablePerformanceInsights": False}, {"PerformanceInsightsRetentionPeriod"}),
        ("storage_max = 100", {"MaxAllocatedStorage": 100}, set()),
        ("", {"EngineLifecycleSupport": "open-source-rds-extended-support-disabled"}, {"MaxAllocatedStorage", "Tags"}),
        ('tags = {team = "a"}', {"Tags": [{"Key": "team", "Value": "a"}]}, set()),
    ],
)
def test_a_choice_is_one_argument_and_its_contrary_is_left_out(tmp_path, text, expected, absent):
    made = make_creation(make_plan(tmp_path, PLANNED + text), GOOD)

    assert made.items() >= expected.items()
    assert not made.keys() & absent


@pytest.mark.parametrize(
    "password",
    ["", "short-7", "x" * 129, "with/slash", 'with"quote', "with@sign", "with blank", "with-ü-umlaut", "tab\tinside"],
)
def test_password_that_rds_would_refuse_is_refused_before_it_is_asked_and_never_shown(tmp_path, password):
    with pytest.raises(SettingsError, match="MASTER_USER_PASSWORD") as caught:
        make_creation(make_plan(tmp_path, BOOTCAMP), password)

    assert not password or password not in f"{caught.value}{caught.value.__dict__}"


@pytest.mark.parametrize(
    ("text", "standing", "expected"),
    [
        ("", {"AllocatedStorage": 10}, {"AllocatedStorage": 20}),
        ("", {"Endpoint": {"Address": "a", "Port": 1150}}, {"DBPortNumber": 5432}),
        ("storage_max = 0", {"MaxAllocatedStorage": 99}, {"MaxAllocatedStorage": 20}),
        ("storage = 399", {"Iops": 3000}, {"AllocatedStorage": 399}),
        ("storage = 400", {"Iops": 3000}, {"AllocatedStorage": 400, "Iops": 12000}),
        ("storage = 500", {"AllocatedStorage": 400, "Iops": 20000}, {"AllocatedStorage": 500, "Iops": 20000}),
        ('storage = 500\nstorage_type = "gp2"', {"StorageType": "gp2"}, {"AllocatedStorage": 500}),
        (
            'storage = 300\nstorage_max = 600\nstorage_type = "gp3"',
            {"AllocatedStorage": 450, "MaxAllocatedStorage": 600, "StorageType": "gp2"},
            {"StorageType": "gp3", "AllocatedStorage": 450, "Iops": 12000},
        ),
        ("storage = 500\nmulti_az = true", {"AllocatedStorage": 500, "Iops": 12000}, {"MultiAZ": True}),
        ("", {"EngineVersion": "17.5"}, {"EngineVersion": "18", "AllowMajorVersionUpgrade": True}),
        ('master_password = "managed"', {"MasterUserSecret": {}}, {"ManageMasterUserPassword": True}),
        (
            'master_password = "environment"',
            {},
            {"MasterUserPassword": GOOD, "ManageMasterUserPassword": False},
        ),
        (
            'master_password = "iam"',
            {"IAMDatabaseAuthenticationEnabled": True},
            {"MasterUserAuthenticationType": "iam-db-auth"},
        ),
        ('tags = {team = "other"}', {}, None),
    ],
)
def test_only_what_differs_is_changed(tmp_path, text, standing, expected):
    plan = make_plan(tmp_path, PLANNED + text)

    made = make_modification(plan, compare(plan, said(**standing)), GOOD, said(**standing))

    assert made == ({"DBInstanceIdentifier": NAME, **expected} if expected else {})
