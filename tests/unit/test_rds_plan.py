"""[tool.pgproof.rds] is read with today's defaults; what cannot be meant is told with its line, all at once."""

import re
from pathlib import Path

import pytest

from pgproof.errors import SettingsError, SqlFileError
from pgproof.rds.plan import read_plan
from pgproof.settings import read_settings
from tests.rds import BOOTCAMP, make_plan

NAME = 'identifier = "cruddur-db-instance"'


def problems(root: Path, *lines: str) -> list[str]:
    """Return what is wrong with a plan, as `line: what`."""
    with pytest.raises(SqlFileError) as caught:
        make_plan(root, "\n".join((NAME, *lines)))
    return [f"{each.at.line}: {each.what}" for each in caught.value.problems]


def test_a_plan_of_a_name_alone_is_what_one_would_want_today(tmp_path: Path):
    plan = make_plan(tmp_path)

    assert (plan.database, plan.username, plan.role) == ("cruddur", "cruddur_master", "cruddur_master")
    assert (plan.engine_version, plan.home) == ("18", 18)
    assert (plan.encrypted, plan.deletion_protection, plan.backup_retention) == (True, True, 7)
    assert (plan.publicly_accessible, plan.extended_support, plan.master_password) == (False, False, "managed")


def test_the_bootcamps_instance_can_be_written_exactly(tmp_path: Path):
    plan = make_plan(tmp_path, BOOTCAMP)

    assert (plan.identifier, plan.instance_class) == ("cruddur-db-instance", "db.t3.micro")
    assert (plan.engine_version, plan.storage, plan.port) == ("14.6", 20, 5432)
    assert (plan.region, plan.availability_zone) == ("ca-central-1", "ca-central-1a")
    assert (plan.publicly_accessible, plan.multi_az, plan.encrypted) == (True, False, True)
    assert (plan.backup_retention, plan.performance_insights, plan.deletion_protection) == (0, 7, False)


def test_a_master_user_by_iam_switches_iam_on(tmp_path: Path):
    assert make_plan(tmp_path, f'{NAME}\nmaster_password = "iam"').iam


def test_every_word_has_the_line_it_stands_in(tmp_path: Path):
    plan = make_plan(tmp_path, f'{NAME}\n\n# how much\nstorage = 30\nport = 5433\ntags.a = "b"')

    assert [plan.at(word).line for word in ("identifier", "storage", "port", "tags", "multi_az", "")] == [
        5, 8, 9, 10, 4, 4,
    ]  # fmt: skip


def test_a_project_without_a_plan_is_told_how_one_begins(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text("[tool.pgproof]\n")

    with pytest.raises(SettingsError, match=r"no RDS instance is planned\n  hint: \[tool\.pgproof\.rds\]"):
        read_plan(read_settings(tmp_path, environ={}))


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path):
    assert problems(tmp_path, 'storage = "20"', "storge = 20", "iam = 1") == [
        "6: storage is not a whole number",
        "7: unknown word storge",
        "8: iam is not true or false",
    ]


@pytest.mark.parametrize(
    "line",
    [
        'region = "canada"',
        'availability_zone = "ca-central-1"',
        'instance_class = "db.nope"',
        'instance_class = "db.t4g.micro; rm -rf /"',
        'engine_version = "latest"',
        'engine_version = "18.6\\n"',
        'database = "1cruddur"',
        'database = "cruddur-db"',
        "username = 'x\" SUPERUSER'",
        'username = "Ünal"',
        'connect_as = "a b"',
        'storage_type = "GP3"',
        'kms_key = "bogus"',
        'kms_key = "alias/a b"',
        'subnet_group = "a;b"',
        'security_groups = ["default"]',
        'security_groups = ["sg-0123456789abcdef0 "]',
        'parameter_group = "a--b"',
        'backup_window = "7:00-7:30"',
        'backup_window = "24:00-24:30"',
        'maintenance_window = "xyz:08:00-sun:08:30"',
        'maintenance_window = "sun:08:00-08:30"',
        'ca_certificate = "../rds-ca"',
        'master_password = "hunter2hunter2"',
        "port = 80",
        "storage = -1",
        "backup_retention = -7",
        'tags = { "aws:x" = "y" }',
        'tags = { "" = "y" }',
        'tags = { a = "$(reboot)" }',
        "tags = { a = 'say \"x\"' }",
        'tags = { a = "two\\nlines" }',
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_line(tmp_path: Path, line: str):
    (problem,) = problems(tmp_path, line)

    assert problem.startswith("6: ")
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    "name",
    ["", "-a", "a-", "a--b", "1a", "a_b", "a.b", "Cruddur", "a" * 64, "a b", "a'b", 'a"; DROP', "é", "a\n", "${x}"],
)
def test_an_identifier_that_rds_would_not_take_is_refused(tmp_path: Path, name: str):
    with pytest.raises(SqlFileError, match=re.escape(f"identifier {name!r} is none")):
        make_plan(tmp_path, f"identifier = {toml(name)}")


def test_an_availability_zone_of_another_region_is_refused(tmp_path: Path):
    assert problems(tmp_path, 'region = "ca-central-1"', 'availability_zone = "us-east-1a"') == [
        "7: zone 'us-east-1a' is not in 'ca-central-1'"
    ]


def test_a_master_user_by_iam_with_iam_off_is_refused(tmp_path: Path):
    assert problems(tmp_path, 'master_password = "iam"', "iam = false") == [
        "7: the master user logs in by IAM, which is off"
    ]


def test_more_tags_than_aws_takes_are_refused(tmp_path: Path):
    tags = ", ".join(f'k{number} = "v"' for number in range(51))

    assert problems(tmp_path, f"tags = {{ {tags} }}") == ["6: 51 tags"]


def test_tags_in_every_script_are_taken(tmp_path: Path):
    tags = {"Équipe": "クラウド 9", "cost:center": "a/b=c+d@e.f_g-h"}
    said = ", ".join(f"{toml(key)} = {toml(value)}" for key, value in tags.items())

    assert make_plan(tmp_path, f"{NAME}\ntags = {{ {said} }}").tags == tags


def toml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
