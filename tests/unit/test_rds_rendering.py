"""A plan as CloudFormation and as Terraform: the same instance in both, whatever its texts are."""

import ast
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import hcl2
import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from cfnlint.decode import decode_str  # type: ignore[import-untyped]

from pgproof.errors import SettingsError
from pgproof.rds.fields import FIELDS, decided
from pgproof.rds.plan import Plan
from pgproof.rds.rendering import render_cloudformation, render_terraform
from tests.rds import BOOTCAMP, make_plan

NAME = 'identifier = "cruddur-db-instance"\n'
FULL = f"""{NAME}
instance_class = "db.m6g.large"
engine_version = "18.6"
storage_max = 100
kms_key = "alias/cruddur"
subnet_group = "private"
security_groups = ["sg-0123456789abcdef0", "sg-0123456789abcdef1"]
parameter_group = "cruddur"
region = "ca-central-1"
multi_az = true
backup_window = "07:00-07:30"
maintenance_window = "sun:08:00-sun:08:30"
performance_insights = 731
tags = {{ team = "clouds", "cost:center" = "9" }}
"""
HOSTILE = [
    'say "x"',
    "back\\slash\\",
    "${var.master_user_password}",
    "%{ if true }x%{ endif }",
    "two\nlines\r\n\ttabbed",
    '"\n}\nresource "aws_iam_user" "x" {',
    "\x00\x1b[2J\x7f\x85\u2028\ufeff",
    "😀 é \U000e0001",
    "{{resolve:ssm:x}}",
    "# : - *&!|>%@`",
    "!Ref X",
    "yes",
    "'",
]


def cloudformation(plan: Plan) -> Any:
    template, problems = decode_str(render_cloudformation(plan))
    assert not problems
    return template


def properties(plan: Plan) -> dict[str, Any]:
    return dict(cloudformation(plan)["Resources"]["Instance"]["Properties"])


def terraform(plan: Plan) -> dict[str, dict[str, Any]]:
    """Return the blocks' arguments by the blocks' labels, texts as Terraform understands them."""
    blocks: dict[str, dict[str, Any]] = {}
    for kind, listed in hcl2.loads(render_terraform(plan)).items():
        for each in listed if kind != "__comments__" else ():
            labels, body = [kind], each
            while (inner := list(body.items()))[0][0].startswith('"'):
                ((label, body),) = inner
                labels.append(understand(label))
            blocks[" ".join(labels)] = understand({key: value for key, value in body.items() if key[:2] != "__"})
    return blocks


def understand(value: Any) -> Any:
    match value:
        case dict():
            return {understand(key): understand(each) for key, each in value.items()}
        case list():
            return [understand(each) for each in value]
        case str() if value.startswith('"'):
            assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", value), "a text of ours is no template"
            return ast.literal_eval(value).replace("$${", "${").replace("%%{", "%{")
    return value


def find(plan: Plan) -> list[str]:
    """Return all that cfn-lint has to say, hints as well."""
    logging.getLogger("cfnlint").setLevel(logging.CRITICAL)
    config = ManualArgs(regions=["ca-central-1"], include_checks=["I", "W", "E"])
    return [f"{each.rule.id} {each.message}" for each in lint(render_cloudformation(plan), config=config)]


@pytest.mark.parametrize("text", [NAME, f'{FULL}master_password = "iam"'])
def test_cfn_lint_finds_nothing_in_a_template(tmp_path: Path, text: str):
    assert find(make_plan(tmp_path, text)) == []


def test_the_default_plan_as_cloudformation(tmp_path: Path):
    template = cloudformation(make_plan(tmp_path))

    assert template["Resources"].keys() == {"Instance", "SecurityGroup"}
    assert template["Outputs"].keys() == {"Host", "Port", "Secret"}
    assert "Parameters" not in template
    instance = template["Resources"]["Instance"]
    assert (instance["DeletionPolicy"], instance["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert instance["Properties"] == {
        "Engine": "postgres",
        "EngineVersion": "18",
        "EngineLifecycleSupport": "open-source-rds-extended-support-disabled",
        "DBInstanceIdentifier": "cruddur-db-instance",
        "DBInstanceClass": "db.t4g.micro",
        "DBName": "cruddur",
        "Port": "5432",
        "MasterUsername": "cruddur_master",
        "ManageMasterUserPassword": True,
        "EnableIAMDatabaseAuthentication": False,
        "AllocatedStorage": "20",
        "StorageType": "gp3",
        "StorageEncrypted": True,
        "MultiAZ": False,
        "PubliclyAccessible": False,
        "VPCSecurityGroups": [{"Fn::GetAtt": ["SecurityGroup", "GroupId"]}],
        "BackupRetentionPeriod": 7,
        "CopyTagsToSnapshot": True,
        "DeleteAutomatedBackups": False,
        "DeletionProtection": True,
        "EnablePerformanceInsights": True,
        "PerformanceInsightsRetentionPeriod": 7,
        "DatabaseInsightsMode": "standard",
        "CACertificateIdentifier": "rds-ca-rsa2048-g1",
        "AutoMinorVersionUpgrade": True,
    }


def test_the_default_plan_as_terraform(tmp_path: Path):
    blocks = terraform(make_plan(tmp_path))
    instance = blocks["resource aws_db_instance instance"]

    assert list(blocks) == [
        "resource aws_security_group instance",
        "resource aws_db_instance instance",
        "output host",
        "output port",
        "output secret",
    ]
    assert instance["manage_master_user_password"] is True
    assert (instance["skip_final_snapshot"], instance["delete_automated_backups"]) == (False, False)
    assert instance["final_snapshot_identifier"] == "cruddur-db-instance-final"
    assert instance["vpc_security_group_ids"] == ["${aws_security_group.instance.id}"]
    assert "ingress" not in blocks["resource aws_security_group instance"]


@pytest.mark.parametrize("text", [NAME, FULL, BOOTCAMP])
def test_both_say_all_that_is_planned_and_the_same(tmp_path: Path, text: str):
    plan = make_plan(tmp_path, text)
    one, other = properties(plan), terraform(plan)["resource aws_db_instance instance"]

    for field, value in decided(plan):
        assert other[field.terraform] == (list(value) if isinstance(value, tuple) else value)
        if field.name != "tags":
            assert type(value)(one[field.cloudformation or field.aws]) == value


def test_a_full_plan_leaves_no_word_out(tmp_path: Path):
    words = {each.name for each, _ in decided(make_plan(tmp_path, f'{FULL}availability_zone = "ca-central-1a"'))}

    assert words == {each.name for each in FIELDS}


def test_what_is_0_as_never_is_no_word_of_aws(tmp_path: Path):
    plan = make_plan(tmp_path, f"{NAME}performance_insights = 0\nbackup_retention = 0")

    assert properties(plan)["EnablePerformanceInsights"] is False
    assert not {"PerformanceInsightsRetentionPeriod", "MaxAllocatedStorage"} & properties(plan).keys()
    assert properties(plan)["BackupRetentionPeriod"] == 0


def test_a_password_of_ones_own_is_in_neither(tmp_path: Path):
    plan = make_plan(tmp_path, BOOTCAMP)
    parameter = cloudformation(plan)["Parameters"]["MasterUserPassword"]
    blocks = terraform(plan)

    assert properties(plan)["MasterUserPassword"] == {"Ref": "MasterUserPassword"}
    assert parameter["NoEcho"] is True
    assert "Default" not in parameter
    assert "${var.master_user_password}" in blocks["resource aws_db_instance instance"].values()
    assert blocks["variable master_user_password"] == {"type": "string", "sensitive": True, "ephemeral": True}


def test_a_master_user_by_iam_is_cloudformations_only(tmp_path: Path):
    plan = make_plan(tmp_path, f'{NAME}master_password = "iam"')

    assert properties(plan)["MasterUserAuthenticationType"] == "iam-db-auth"
    assert properties(plan)["EnableIAMDatabaseAuthentication"] is True
    assert not {"ManageMasterUserPassword", "MasterUserPassword"} & properties(plan).keys()
    with pytest.raises(SettingsError, match=r"pyproject\.toml:6: .*no word for a master user that logs in by IAM"):
        render_terraform(plan)


def test_the_group_is_in_the_vpc_of_the_subnet_group(tmp_path: Path):
    plan = make_plan(tmp_path, f'{NAME}subnet_group = "private"')

    assert cloudformation(plan)["Resources"]["SecurityGroup"]["Properties"]["VpcId"] == {"Ref": "Vpc"}
    assert cloudformation(plan)["Parameters"].keys() == {"Vpc"}
    group = terraform(plan)["resource aws_security_group instance"]
    assert group["vpc_id"] == "${data.aws_db_subnet_group.instance.vpc_id}"


def test_groups_that_are_named_are_taken_and_none_is_made(tmp_path: Path):
    plan = make_plan(tmp_path, FULL)

    assert properties(plan)["VPCSecurityGroups"] == list(plan.security_groups)
    assert cloudformation(plan)["Resources"].keys() == {"Instance"}
    assert "resource aws_security_group instance" not in terraform(plan)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_leaves_its_quotes(tmp_path: Path, text: str):
    tags = {"a": text, text: "b"}
    plan = replace(make_plan(tmp_path), tags=tags)
    blocks = terraform(plan)

    assert properties(plan)["Tags"] == [{"Key": key, "Value": value} for key, value in tags.items()]
    assert blocks["resource aws_db_instance instance"]["tags"] == tags
    assert blocks.keys() == terraform(make_plan(tmp_path)).keys()
    assert not [each for each in render_terraform(plan) if not each.isprintable() and each != "\n"]
