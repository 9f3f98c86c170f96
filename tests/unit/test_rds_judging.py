"""A plan is judged without AWS: by cfn-lint, and by rules of ours for what it misses."""

import sys
from pathlib import Path

import pytest

from pgproof.errors import SettingsError
from pgproof.rds.finding import Finding
from pgproof.rds.judging import judge
from pgproof.rds.judging.judge import RULES
from pgproof.rds.plan import Plan, read_plan
from pgproof.settings import read_settings
from tests.rds import BOOTCAMP, make_plan

NAME = 'identifier = "cruddur-db-instance"\n'

WRONG = {
    "storage-size": "storage = 1",
    "storage-type": 'storage_type = "io1"',
    "storage-growth": "storage = 100\nstorage_max = 109",
    "standby-in-one-zone": 'multi_az = true\navailability_zone = "ca-central-1a"',
    "taken-username": 'username = "admin"',
    "taken-database": 'database = "template1"',
    "expired-ca": 'ca_certificate = "rds-ca-2019"',
    "paid-build": 'engine_version = "13.23-rds.20260514"',
    "short-backup-window": 'backup_window = "23:50-00:10"',
    "short-maintenance-window": 'maintenance_window = "sun:08:00-sun:08:00"',
    "windows-meet": 'backup_window = "23:30-00:30"\nmaintenance_window = "Wed:00:15-Wed:01:00"',
    "public": "publicly_accessible = true",
    "unencrypted": "encrypted = false",
    "no-backups": "backup_retention = 0",
    "few-backups": "backup_retention = 1",
    "deletable": "deletion_protection = false",
    "own-password": 'master_password = "environment"',
    "guessed-username": 'username = "postgres"',
    "long-username": 'username = "a_name_of_17_lett"',
    "guessed-database": 'database = "postgres"',
    "guessed-identifier": 'identifier = "database-1"',
    "unknown-ca": 'ca_certificate = "mine"',
    "extended-support": "extended_support = true",
    "old-storage": 'storage_type = "gp2"',
    "one-zone": 'availability_zone = "ca-central-1a"',
    "old-major": 'engine_version = "14"\nparameter_group = "tls"',
    "not-as-at-home": 'engine_version = "17"',
    "in-clear": 'engine_version = "14"',
    "old-class": 'instance_class = "db.m4.large"',
    "no-fixes": "minor_upgrades = false",
}
BESIDE = {  # what a plan that breaks one rule cannot help to break as well
    "paid-build": {"old-major", "not-as-at-home", "in-clear"},
    "old-major": {"not-as-at-home"},
    "in-clear": {"old-major", "not-as-at-home"},
    "long-username": set(),
}
RIGHT = {
    "storage-size": ["storage = 20", "storage = 65536", 'storage_type = "standard"\nstorage = 5'],
    "storage-growth": ["storage = 100\nstorage_max = 110", "storage = 20\nstorage_max = 22"],
    "standby-in-one-zone": ['multi_az = true\nregion = "ca-central-1"'],
    "taken-username": ['username = "administered"', 'username = "users"'],
    "paid-build": ['engine_version = "13.23-rds.20260514"\nextended_support = true'],
    "short-backup-window": ['backup_window = "23:45-00:15"'],
    "short-maintenance-window": ['maintenance_window = "sun:23:45-mon:00:15"'],
    "windows-meet": [
        'backup_window = "07:00-07:30"\nmaintenance_window = "sun:07:30-sun:08:00"',
        'backup_window = "00:15-00:45"\nmaintenance_window = "sun:23:30-mon:00:15"',
    ],
    "few-backups": ["backup_retention = 7", "backup_retention = 0"],
    "one-zone": ["multi_az = false", "multi_az = true"],
    "in-clear": ['engine_version = "14"\nparameter_group = "tls"', 'engine_version = "15"'],
    "guessed-identifier": ['identifier = "cruddur-db"'],
    "unknown-ca": ['ca_certificate = "rds-ca-ecc384-g1"'],
}


def broken(plan: Plan) -> set[str]:
    """Return the rules of ours that a plan breaks."""
    return {each.id for each in RULES if each.is_broken(plan)}


def make(root: Path, text: str) -> Plan:
    return make_plan(root, text if "identifier" in text else NAME + text)


def said(findings: list[Finding]) -> list[tuple[str, int | None]]:
    return [(each.rule, each.at.line) for each in findings]


def test_every_rule_has_a_plan_here_that_breaks_it():
    assert sorted(each.id for each in RULES) == sorted(WRONG)


@pytest.mark.parametrize("rule", WRONG)
def test_a_plan_that_breaks_a_rule_is_found_at_the_words_line(tmp_path: Path, rule: str):
    plan = make(tmp_path, WRONG[rule])
    (found,) = [each.to_finding(plan) for each in RULES if each.id == rule and each.is_broken(plan)]

    assert broken(plan) - {"one-zone"} - {rule} == BESIDE.get(rule, set())
    assert found.at.line == 4 + (rule != "guessed-identifier") + _line(rule)
    assert found.what
    assert found.hint
    assert "{" not in found.what + found.hint


def _line(rule: str) -> int:
    """Return the line of the word that a rule is about, in the text that breaks it; words that are missing have 0."""
    (field,) = {each.field for each in RULES if each.id == rule}
    lines = [each.partition(" ")[0] for each in WRONG[rule].splitlines()]
    return lines.index(field) + 1 if field in lines else -1


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in RIGHT.items() for text in texts])
def test_a_plan_that_only_comes_near_a_rule_is_not_found(tmp_path: Path, rule: str, text: str):
    assert rule not in broken(make(tmp_path, text))


@pytest.mark.parametrize("name", ["user", "SELECT", "pg_boss", "rds_superuser", "rdsadmin", "public", "current_user"])
def test_names_that_postgres_or_rds_keep_are_refused(tmp_path: Path, name: str):
    assert "taken-username" in broken(make(tmp_path, f'username = "{name}"'))


def test_a_database_that_rds_cannot_make_is_refused_where_its_name_is_that_at_home(tmp_path: Path):
    make_plan(tmp_path)
    path = tmp_path / "pyproject.toml"
    path.write_text(path.read_text().replace("cruddur'", "my-shop'"))

    assert "taken-database" in broken(read_plan(read_settings(tmp_path, environ={})))


def test_what_aws_refuses_is_an_error_and_what_it_takes_a_warning(tmp_path: Path):
    plan = make_plan(tmp_path)
    kinds = {each.id: each.to_finding(plan).severity for each in RULES}

    assert [each for each, severity in kinds.items() if severity == "error"] == list(WRONG)[:11]


def test_the_default_plan_has_no_error_and_says_only_that_it_has_no_standby(tmp_path: Path):
    assert said(judge(make_plan(tmp_path))) == [("one-zone", 4)]
    assert broken(make_plan(tmp_path, f"{NAME}multi_az = false")) == set()


def test_every_weakness_of_the_bootcamps_instance_is_found(tmp_path: Path):
    found = judge(make_plan(tmp_path, BOOTCAMP))
    plain = make_plan(tmp_path, BOOTCAMP)

    assert {(each.rule, each.severity) for each in found} == {
        ("W3691", "error"),
        ("expired-ca", "error"),
        *((each, "warning") for each in ("public", "no-backups", "deletable", "own-password", "guessed-username")),
        *((each, "warning") for each in ("extended-support", "old-storage", "one-zone", "old-major", "in-clear")),
        ("not-as-at-home", "warning"),
    }
    lines = {each.rule: each.at for each in found}
    assert lines["W3691"] == plain.at("engine_version")
    assert lines["public"] == plain.at("publicly_accessible")
    words = {each.rule: each.field for each in found}
    assert (words["W3691"], words["public"]) == ("engine_version", "publicly_accessible")
    assert [each.severity for each in found] == sorted(each.severity for each in found)


def test_what_moto_takes_and_rds_does_not_is_an_error_with_its_line(tmp_path: Path):
    text = 'engine_version = "99.99"\ninstance_class = "db.nope.micro"\nbackup_retention = 36\nperformance_insights = 8'
    errors = [each for each in judge(make(tmp_path, f'{text}\nregion = "ca-central-1"')) if each.severity == "error"]

    assert said(errors) == [("E3691", 6), ("E3025", 7), ("E3719", 8), ("E3030", 9)]
    assert errors[1].what == "instance_class db.nope.micro: not in ca-central-1"


def test_a_version_that_is_gone_is_not_told_classes_of_long_ago(tmp_path: Path):
    errors = [each for each in judge(make(tmp_path, 'engine_version = "15.2"')) if each.severity == "error"]

    assert said(errors) == [("W3691", 6)]


def test_a_region_that_cfn_lint_does_not_know_is_told_and_the_rest_is_judged(tmp_path: Path):
    found = judge(make(tmp_path, 'region = "ca-centrall-1"\nengine_version = "18.99"\nmulti_az = true'))

    assert said(found) == [("E3691", 7), ("unknown-region", 6)]
    assert found[0].what == "engine_version 18.99: RDS has no such version of PostgreSQL"
    assert found[0].hint.startswith("there is 18, 18.1, ")
    assert found[1].hint == "did you mean ca-central-1?"


def test_a_cfnlintrc_of_the_project_is_about_other_templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".cfnlintrc").write_text("append_rules: [rules_of_ours]\n")
    monkeypatch.chdir(tmp_path)

    assert "E3719" in {each.rule for each in judge(make(tmp_path, "backup_retention = 36"))}


def test_without_cfn_lint_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "cfnlint.api", None)

    with pytest.raises(SettingsError, match=r"cfn-lint is not installed\n  hint: pip install 'pgproof\[rds\]'"):
        judge(make_plan(tmp_path))
