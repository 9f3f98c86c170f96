"""The CloudFormation of the Lambda function: cfn-lint finds nothing in it, and its role may do what it needs only."""

import logging
from typing import Any

import pytest
from cfnlint.api import lint  # type: ignore[import-untyped]
from cfnlint.config import ManualArgs  # type: ignore[import-untyped]
from cfnlint.decode import decode_str  # type: ignore[import-untyped]

from pgproof.errors import SettingsError
from pgproof.metrics.function.template import compile_template

TABLE = "cruddur-messages"
NEVER_NARROWER = {"ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"}


@pytest.fixture(scope="module")
def text() -> str:
    return compile_template(TABLE)


@pytest.fixture(scope="module")
def resources(text: str) -> dict[str, Any]:
    found: dict[str, Any] = read(text)["Resources"]
    return found


def read(text: str) -> Any:
    """Return a template's words, its functions (!Ref, !If) as CloudFormation has them in JSON."""
    template, problems = decode_str(text)
    assert not problems
    return template


def find(text: str) -> list[str]:
    """Return all that cfn-lint has to say, hints as well."""
    logging.getLogger("cfnlint").setLevel(logging.CRITICAL)
    config = ManualArgs(regions=["ca-central-1", "us-east-1"], include_checks=["I", "W", "E"])
    return [f"{each.rule.id} {each.message}" for each in lint(text, config=config)]


def statements(resources: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the role allows, with what it allows on a condition."""
    (policy,) = resources["Role"]["Properties"]["Policies"]
    found = policy["PolicyDocument"]["Statement"]
    return [each["Fn::If"][1] if "Fn::If" in each else each for each in found]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_cfn_lint_finds_nothing_in_it_and_much_in_a_broken_one(text: str):
    assert find(text) == []

    broken = text.replace("python3.13", "python2.7").replace("!GetAtt Unread.Arn", "!GetAtt Unred.Arn")
    broken = broken.replace("BatchSize: !Ref BatchSize", "BatchSize: many")
    assert {each.partition(" ")[0] for each in find(broken)} >= {"E1010", "E3012"}


def test_the_role_may_do_nothing_at_large(resources: dict[str, Any]):
    for each in statements(resources):
        actions = listed(each["Action"])
        assert each["Effect"] == "Allow"
        assert not [action for action in actions if "*" in action]
        assert set(each) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        if any(resource == "*" for resource in listed(each["Resource"])):
            assert set(actions) == NEVER_NARROWER


def test_what_the_role_may_do_is_on_this_stream_queue_secret_and_log(resources: dict[str, Any]):
    allowed = {each["Sid"]: each["Resource"] for each in statements(resources)}

    assert allowed == {
        "ReadTheStream": {"Ref": "StreamArn"},
        "SayWhatWasNotRead": {"Fn::GetAtt": ["Unread", "Arn"]},
        "ReadTheSecret": {"Ref": "SecretArn"},
        "WriteTheLog": {"Fn::GetAtt": ["Logs", "Arn"]},
        "StandInTheSubnets": "*",
        "DecryptTheSecret": {"Ref": "SecretKeyArn"},
    }


def test_no_record_is_passed_over_in_silence(resources: dict[str, Any]):
    source = resources["Source"]["Properties"]

    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["BisectBatchOnFunctionError"] is True
    assert source["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["Unread", "Arn"]}
    assert {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds"} <= source.keys()
    assert resources["Unread"]["Properties"] == {"SqsManagedSseEnabled": True, "MessageRetentionPeriod": 1209600}
    alarms = {each["Properties"]["MetricName"] for each in resources.values() if "Alarm" in each["Type"]}
    assert alarms == {"ApproximateNumberOfMessagesVisible", "IteratorAge"}


def test_records_are_given_up_while_dynamodb_still_has_them(text: str):
    age = read(text)["Parameters"]["MaximumRecordAge"]

    assert age["Default"] < age["MaxValue"] == 24 * 60 * 60


def test_its_handler_is_there(resources: dict[str, Any]):
    from importlib import import_module

    module, _, name = resources["Function"]["Properties"]["Handler"].rpartition(".")

    assert callable(getattr(import_module(module), name))


def test_no_secret_is_in_the_functions_environment(resources: dict[str, Any]):
    names = resources["Function"]["Properties"]["Environment"]["Variables"]

    assert names["PGPROOF_SECRET"] == {"Ref": "SecretArn"}
    assert names.keys() == {"PGPROOF_SECRET", "PGPROOF_URL"}


@pytest.mark.parametrize("table", [TABLE, "a.b_c-9", "123", "true", "TABLE"])
def test_it_is_filled_in_for_its_table(table: str):
    template = read(compile_template(table))

    assert template["Parameters"]["Table"]["Default"] == table
    assert template["Description"] == f"The stream of DynamoDB's table {table} to metrics in Postgres (pgproof)"


@pytest.mark.parametrize("table", ["", "x", "a b", 'a"\nResources:', "ü" * 3])
def test_what_dynamodb_would_not_take_as_a_name_is_refused(table: str):
    with pytest.raises(SettingsError, match="is no name of a table"):
        compile_template(table)
