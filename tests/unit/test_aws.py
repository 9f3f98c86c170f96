"""The door to boto3: what is tried again and how patiently, what people are told, and where nothing is asked."""

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import stamina
from botocore import exceptions
from botocore.parsers import ResponseParserError

from pgproof import aws as door
from pgproof.aws import explain, is_transient, refuse_elsewhere
from pgproof.errors import CloudError, SettingsError
from pgproof.metrics.aws import Aws, open_aws
from pgproof.settings import Settings
from tests.streams import Dynamo

REFUSED = ["AccessDeniedException", "ExpiredTokenException", "UnrecognizedClientException", "ValidationException"]
BUSY = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
]
NETWORK = [
    exceptions.EndpointConnectionError(endpoint_url="https://dynamodb.example"),
    exceptions.ConnectTimeoutError(endpoint_url="https://dynamodb.example"),
    exceptions.ReadTimeoutError(endpoint_url="https://dynamodb.example"),
    exceptions.ConnectionClosedError(endpoint_url="https://dynamodb.example"),
    exceptions.IncompleteReadError(actual_bytes=1, expected_bytes=2),
    ResponseParserError("Unable to parse response"),
]
ENDPOINTS = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_DYNAMODB_STREAMS"]


@pytest.fixture
def dynamo() -> Dynamo:
    return Dynamo()


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A shell in which nothing is said of AWS, not even in files."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps what it has read
    return monkeypatch


@pytest.fixture
def quick() -> Iterator[None]:
    """Retries do not wait."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


def describe(aws: Aws) -> Any:
    return aws.ask(aws.tables.describe_table, TableName="messages")


def with_attempts(dynamo: Dynamo, attempts: int | None, notify: Callable[[str], None] = lambda _: None) -> Aws:
    return replace(dynamo.aws, attempts=attempts, notify=notify)


# patience


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("failure", [*BUSY, *NETWORK], ids=str)
def test_what_passes_is_asked_again(dynamo: Dynamo, failure: str | Exception):
    dynamo.fail("describe_table", failure, times=3)

    assert describe(with_attempts(dynamo, 4))["Table"]["TableName"] == "messages"

    assert dynamo.calls["describe_table"] == 4


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_is_told_at_once(dynamo: Dynamo, code: str):
    dynamo.fail("describe_table", code)

    with pytest.raises(CloudError, match=f"AWS refused DescribeTable: {code}") as told:
        describe(with_attempts(dynamo, 4))

    assert (told.value.code, dynamo.calls["describe_table"]) == (code, 1)


@pytest.mark.usefixtures("quick")
def test_what_does_not_pass_after_all_is_told_in_one_line(dynamo: Dynamo):
    dynamo.fail("describe_table", NETWORK[0], times=4)

    with pytest.raises(CloudError) as told:
        describe(with_attempts(dynamo, 4))

    assert str(told.value) == ('AWS was not reached: Could not connect to the endpoint URL: "https://dynamodb.example"')


@pytest.mark.usefixtures("quick")
def test_each_try_is_told_of(dynamo: Dynamo):
    told: list[str] = []
    dynamo.fail("describe_table", "ThrottlingException", times=2)

    describe(with_attempts(dynamo, 4, told.append))

    assert told == ["AWS refused DescribeTable: ThrottlingException: as asked"] * 2


def test_waits_grow_up_to_a_bound_and_differ_from_one_another(dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch):
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    for _ in range(2):
        dynamo.fail("describe_table", "ThrottlingException", times=door.ATTEMPTS - 1)
        describe(with_attempts(dynamo, door.ATTEMPTS))

    first, second = waits[: door.ATTEMPTS - 1], waits[door.ATTEMPTS - 1 :]
    for place, (one, other) in enumerate(zip(first, second, strict=True)):
        least = min(0.1 * 2**place, 20.0)
        for wait in (one, other):
            assert least <= wait <= min(least + 1.0, 20.0)
    assert first != second
    assert 40 < sum(first) < 60


def test_boto3_itself_tries_nothing_again(shell: pytest.MonkeyPatch, settings: Settings):
    shell.setenv("AWS_DEFAULT_REGION", "ca-central-1")

    aws = open_aws(settings)

    for client in (aws.tables, aws.streams):
        assert client.meta.config.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]


# words for people


@pytest.mark.parametrize("code", ["AccessDeniedException", "ExpiredTokenException", "ResourceNotFoundException"])
def test_a_refusal_comes_with_what_to_do_about_it(dynamo: Dynamo, code: str):
    dynamo.fail("describe_table", code)

    with pytest.raises(CloudError) as told:
        describe(dynamo.aws)

    assert told.value.hint


def test_a_page_of_a_proxy_passes_and_is_cut_to_a_line():
    page = f"<html>\n<title>Bad\ngateway</title>{'.' * 5000}"
    said: Any = {"Error": {"Code": "502", "Message": page}, "ResponseMetadata": {"HTTPStatusCode": 502}}
    error = exceptions.ClientError(said, "Scan")

    told = str(explain(error))

    assert is_transient(error)
    assert told.startswith("AWS refused Scan: 502: <html> <title>Bad gateway</title>...")
    assert len(told) < 300


def test_an_error_of_aws_survives_its_way_between_processes(dynamo: Dynamo):
    dynamo.fail("describe_table", "AccessDeniedException")
    with pytest.raises(CloudError) as told:
        describe(dynamo.aws)

    again = pickle.loads(pickle.dumps(told.value))  # noqa: S301 - made here

    assert (str(again), again.code) == (str(told.value), "AccessDeniedException")


@pytest.mark.parametrize(
    "error",
    [
        exceptions.TokenRetrievalError(provider="sso", error_msg="Token has expired"),
        exceptions.UnauthorizedSSOTokenError(),
        exceptions.CredentialRetrievalError(provider="custom-process", error_msg="no such file"),
        exceptions.ProfileNotFound(profile="shop"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_credentials_that_cannot_be_had_are_no_outage(error: exceptions.BotoCoreError):
    told = explain(error)

    assert not is_transient(error)
    assert "not reached" not in str(told)
    assert "aws sso login" in told.hint


def test_a_fault_of_ours_is_not_dressed_up(dynamo: Dynamo):
    dynamo.fail("describe_table", KeyError("ours"))

    with pytest.raises(KeyError, match="ours"):
        describe(dynamo.aws)


def test_without_a_region_that_is_said(shell: pytest.MonkeyPatch, settings: Settings):
    shell.setenv("AWS_ACCESS_KEY_ID", "test")
    shell.setenv("AWS_SECRET_ACCESS_KEY", "test")

    with pytest.raises(CloudError, match="no AWS region\n  hint: export AWS_DEFAULT_REGION="):
        open_aws(settings)


def test_without_credentials_that_is_said(shell: pytest.MonkeyPatch, settings: Settings):
    shell.setenv("AWS_DEFAULT_REGION", "ca-central-1")
    shell.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")

    with pytest.raises(CloudError, match="no AWS credentials\n  hint: `aws configure`"):
        describe(open_aws(settings, attempts=1))


@pytest.mark.parametrize("module", ["boto3", "stamina"])
def test_without_the_extra_that_is_said(shell: pytest.MonkeyPatch, settings: Settings, module: str):
    shell.setitem(sys.modules, module, None)

    with pytest.raises(SettingsError, match=rf"{module} is not installed\n  hint: pip install 'pgproof\[aws\]'"):
        open_aws(settings)


# production


@pytest.mark.parametrize("name", ENDPOINTS)
def test_production_takes_nothing_from_a_double_that_the_environment_names(
    shell: pytest.MonkeyPatch, settings: Settings, name: str
):
    shell.setenv("AWS_DEFAULT_REGION", "ca-central-1")
    shell.setenv(name, "http://localhost:8000")

    with pytest.raises(
        SettingsError, match=r"target prod, and requests to AWS would go to localhost\n  hint: unset AWS_"
    ):
        open_aws(replace(settings, target="prod"))


@pytest.mark.parametrize(
    "text",
    [
        "[default]\nendpoint_url = http://localhost:8000\n",
        "[default]\nservices = doubles\n[services doubles]\ndynamodb_streams =\n  endpoint_url = http://localhost:8000\n",
    ],
    ids=["for all services", "for one"],
)
def test_production_takes_nothing_from_a_double_that_a_file_names(
    shell: pytest.MonkeyPatch, settings: Settings, tmp_path: Path, text: str
):
    shell.setenv("AWS_DEFAULT_REGION", "ca-central-1")
    (tmp_path / "config").write_text(text)

    with pytest.raises(SettingsError, match="requests to AWS would go to localhost"):
        open_aws(replace(settings, target="prod"))


def test_at_a_desk_a_double_is_what_one_wants(shell: pytest.MonkeyPatch, settings: Settings):
    shell.setenv("AWS_DEFAULT_REGION", "ca-central-1")
    shell.setenv("AWS_ENDPOINT_URL", "http://localhost:8000")

    assert open_aws(settings).tables.meta.endpoint_url == "http://localhost:8000"


@pytest.mark.parametrize("region", ["ca-central-1", "cn-north-1", "us-gov-west-1"])
def test_production_takes_what_is_of_aws(shell: pytest.MonkeyPatch, settings: Settings, region: str):
    shell.setenv("AWS_DEFAULT_REGION", region)

    open_aws(replace(settings, target="prod"))


@pytest.mark.parametrize(
    "endpoint",
    ["http://amazonaws.com.example", "https://dynamodb.notamazonaws.com", "http://127.0.0.1:8000", "localhost", ""],
)
def test_only_hosts_of_aws_are_of_aws(endpoint: str):
    with pytest.raises(SettingsError):
        refuse_elsewhere(endpoint)
