"""docs/production.md says what is true: its policies allow exactly what is asked of AWS, and AWS knows the words."""

import json
import re
from pathlib import Path
from typing import Any

import boto3

from tests.dynamo import KEYS

ROOT = Path(__file__).parents[2]
SERVICES = {
    "rds": "rds",
    "ec2": "ec2",
    "secrets": "secretsmanager",
    "pricing": "pricing",
}  # who asks sts needs no right
FOR_AWS = {  # what AWS asks for on the way: to make with tags, or with a password that RDS keeps
    "ec2:CreateTags",
    "kms:DescribeKey",
    "secretsmanager:CreateSecret",
    "secretsmanager:RotateSecret",
    "secretsmanager:TagResource",
}
POLICIES = [
    json.loads(each)
    for each in re.findall(r"```json\n(.*?)```", (ROOT / "docs/production.md").read_text(encoding="utf-8"), re.DOTALL)
]


def actions(policy: dict[str, Any]) -> set[str]:
    """Return what a policy allows."""
    listed = [each["Action"] for each in policy["Statement"]]
    return {action for each in listed for action in ([each] if isinstance(each, str) else each)}


def requests() -> set[str]:
    """Return what pgproof asks of AWS about an instance, as IAM names it."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "pgproof/rds").rglob("*.py"))
    found = {"rds-db:connect"} if "generate_db_auth_token" in text else set()
    for word, service in SERVICES.items():
        known = boto3.client(service, **KEYS).meta.method_to_api_mapping  # type: ignore[call-overload]
        names = re.findall(rf"\b{word}\.([a-z_]+)\b", text)
        found |= {f"{service}:{known[name]}" for name in names if name in known}
    return found


def test_the_page_has_a_policy_for_who_provisions_and_one_for_the_application():
    assert len(POLICIES) == 2
    assert actions(POLICIES[1]) == {"rds:DescribeDBInstances", "rds-db:connect"}


def test_the_policy_allows_exactly_what_is_asked_of_aws():
    assert actions(POLICIES[0]) - FOR_AWS == requests()


def test_aws_knows_every_word_of_the_policies():
    from cfnlint.api import lint  # type: ignore[import-untyped]

    resources = {
        name: {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy}}
        for name, policy in zip(("Provisions", "Application"), POLICIES, strict=True)
    }

    assert [str(each) for each in lint(json.dumps({"Resources": resources}))] == []


def test_nothing_is_allowed_on_everything_but_to_look():
    wide = [each for each in POLICIES[0]["Statement"] if each["Resource"] == "*"]

    assert all(re.match(r"\w+:(Describe|Get)", action) for each in wide for action in each["Action"])
