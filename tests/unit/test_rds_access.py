"""Logging in at RDS: whom a conninfo trusts, and which password or token it carries."""

from __future__ import annotations

import re
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from pgproof.errors import CloudError, SettingsError
from pgproof.pg.conninfo import read_conninfo, split_secrets, url
from pgproof.rds.access import Access
from pgproof.rds.truststore import SHIPPED
from pgproof.settings import Settings, read_settings
from tests.rds import make_plan, make_stubs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rds import Stubs

HOST = "cruddur-db-instance.abc123.ca-central-1.rds.amazonaws.com"
ARN = "arn:aws:secretsmanager:ca-central-1:123456789012:secret:rds!db-1-abc"
OPEN = {
    "DBInstanceIdentifier": "cruddur-db-instance",
    "DBInstanceStatus": "available",
    "Endpoint": {"Address": HOST, "Port": 5432},
    "MasterUserSecret": {"SecretArn": ARN},
}
OURS = {"master_password": "hunter3"}


class Desk:
    """A project with a plan, AWS as it is told to be, and a clock that stands."""

    def __init__(self, root: Path, stubs: Stubs) -> None:
        self.root = root
        self.stubs = stubs
        self.now = 0.0

    def is_instance(self, **said: Any) -> None:
        self.stubs.rds.add_response("describe_db_instances", {"DBInstances": [OPEN | said]})

    def is_secret(self, text: str) -> None:
        self.stubs.secretsmanager.add_response("get_secret_value", {"SecretString": text}, {"SecretId": ARN})

    def access(self, *words: str, **settings: str) -> Access:
        plan = make_plan(self.root, "\n".join(['identifier = "cruddur-db-instance"', *words]))
        chosen: Settings = replace(read_settings(self.root, environ={}), **settings)  # type: ignore[arg-type]
        return Access(chosen, plan, self.stubs.cloud, clock=lambda: self.now)

    def log_in(self, *words: str, role: str = "", **settings: str) -> dict[str, str]:
        return read_conninfo(self.access(*words, **settings).conninfo(role))


@pytest.fixture(scope="module")
def stubs() -> Stubs:
    return make_stubs()


@pytest.fixture
def desk(tmp_path: Path, stubs: Stubs) -> Iterator[Desk]:
    """One whose AWS is asked all that it is told to answer."""
    yield Desk(tmp_path, stubs)
    stubs.rds.assert_no_pending_responses()
    stubs.secretsmanager.assert_no_pending_responses()


# Whom


def test_the_server_has_to_prove_that_it_is_the_endpoint(desk: Desk):
    desk.is_instance()

    assert desk.log_in('master_password = "environment"') == {
        "host": HOST,
        "port": "5432",
        "dbname": "cruddur",
        "user": "cruddur_master",
        "sslmode": "verify-full",
        "sslrootcert": str(SHIPPED),
        "gssencmode": "disable",
    }


@pytest.mark.parametrize("tunnel", ["127.0.0.1:15432", "[::1]:15432", "10.1.2.3:5432"])
def test_a_tunnel_changes_where_to_connect_and_not_whom_to_believe(desk: Desk, tunnel: str):
    desk.is_instance()

    said = desk.log_in('master_password = "environment"', tunnel=tunnel)

    address, _, port = tunnel.rpartition(":")
    assert (said["host"], said["hostaddr"], said["port"]) == (HOST, address.strip("[]"), port)
    assert said["sslmode"] == "verify-full"


@pytest.mark.parametrize("tunnel", ["15432", "localhost:15432", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1 port=1:2"])
def test_a_tunnel_that_is_no_address_is_refused_before_aws_is_asked(desk: Desk, tunnel: str):
    with pytest.raises(SettingsError, match=f"^tunnel {re.escape(repr(tunnel))} is none\n  hint: an IP address and"):
        desk.log_in(tunnel=tunnel)


def test_roots_of_ones_own_are_used_where_the_plan_names_them(desk: Desk):
    (desk.root / "certs").mkdir()
    (desk.root / "certs" / "our.pem").write_text(SHIPPED.read_text())
    desk.is_instance()

    said = desk.log_in('master_password = "environment"', 'ca_bundle = "certs/our.pem"')

    assert said["sslrootcert"] == str(desk.root / "certs" / "our.pem")


@pytest.mark.parametrize(("text", "what"), [(None, "cannot be read: No such file or directory"), ("-", "has no cert")])
def test_roots_that_are_none_are_said_with_the_line_of_the_plan(desk: Desk, text: str | None, what: str):
    if text:
        (desk.root / "our.pem").write_text(text)

    with pytest.raises(SettingsError, match=what) as caught:
        desk.log_in('ca_bundle = "our.pem"')

    assert str(caught.value).startswith(f"{desk.root}/pyproject.toml:6: ca_bundle {desk.root}/our.pem ")
    assert "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem" in caught.value.hint


# By what


def test_the_master_logs_in_with_the_secret_that_rds_keeps(desk: Desk):
    desk.is_instance()
    desk.is_secret('{"username": "whoever", "password": "s3cret"}')

    said = desk.log_in()

    assert (said["user"], said["password"]) == ("cruddur_master", "s3cret")


def test_a_password_of_ones_own_comes_from_the_setting(desk: Desk):
    desk.is_instance()

    assert desk.log_in('master_password = "environment"', **OURS).get("password") == "hunter3"


@pytest.mark.parametrize(
    ("words", "role", "who"),
    [
        (['master_password = "iam"'], "", "cruddur_master"),
        (["iam = true"], "cruddur_app", "cruddur_app"),
        (["iam = true", 'connect_as = "cruddur_migrator"'], "", "cruddur_migrator"),
    ],
)
def test_a_token_is_for_the_endpoint_and_the_role_also_through_a_tunnel(
    desk: Desk, words: list[str], role: str, who: str
):
    desk.is_instance(IAMDatabaseAuthenticationEnabled=True)

    said = desk.log_in(*words, role=role, tunnel="127.0.0.1:15432")

    assert said["user"] == who
    assert said["password"].startswith(f"{HOST}:5432/?Action=connect&DBUser={who}&")
    assert "X-Amz-Expires=900" in said["password"]


def test_a_role_that_logs_in_by_password_gets_nobody_elses(desk: Desk):
    desk.is_instance()

    assert "password" not in desk.log_in(role="cruddur_app", **OURS)


def test_a_token_is_not_made_for_an_instance_that_takes_none(desk: Desk):
    desk.is_instance(IAMDatabaseAuthenticationEnabled=False)

    with pytest.raises(
        CloudError, match=r"has IAM authentication off, and app logs in by it\n  hint: `inv rds.ensure`"
    ):
        desk.log_in("iam = true", role="app")


def test_aws_is_asked_once_a_minute_and_then_hears_of_a_rotated_secret(desk: Desk):
    access = desk.access()
    for text in ("old", "new"):
        desk.is_instance()
        desk.is_secret(f'{{"password": "{text}"}}')

    heard = []
    for desk.now in (0, 59, 61):
        heard.append(read_conninfo(access.conninfo())["password"])

    assert heard == ["old", "old", "new"]


# What is in the way


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("stopped", "`inv rds.start` starts it, which takes some minutes"),
        ("stopping", "`inv rds.start` starts it, once it has stopped"),
        ("starting", "`inv rds.start` waits for it"),
        ("creating", "`inv rds.ensure` shows how far it is"),
        ("deleting", "`inv rds.ensure` makes another one when it is gone"),
    ],
)
def test_an_instance_that_lets_nobody_in_is_said_and_asked_again(desk: Desk, status: str, hint: str):
    access = desk.access('master_password = "environment"')
    desk.is_instance(DBInstanceStatus=status)
    desk.is_instance()

    with pytest.raises(CloudError) as caught:
        access.conninfo()

    assert str(caught.value) == f"the RDS instance cruddur-db-instance is {status}\n  hint: {hint}"
    assert HOST in access.conninfo()


def test_an_instance_without_an_endpoint_is_said(desk: Desk):
    desk.is_instance(DBInstanceStatus="failed", Endpoint={})

    with pytest.raises(CloudError, match=r"is failed\n  hint: `inv rds.status` says more"):
        desk.log_in()


def test_an_instance_that_there_is_not_is_said(desk: Desk):
    desk.stubs.rds.add_client_error("describe_db_instances", "DBInstanceNotFound")

    with pytest.raises(CloudError, match=r"there is no RDS instance cruddur-db-instance\n  hint: `inv rds.ensure`"):
        desk.log_in()


def test_a_master_password_that_rds_does_not_keep_is_said_with_the_line(desk: Desk):
    desk.is_instance(MasterUserSecret={})

    with pytest.raises(CloudError, match=r"pyproject\.toml:6: RDS keeps no master password of cruddur-db-instance"):
        desk.log_in('master_password = "managed"')


@pytest.mark.parametrize("text", ["hunter2", '{"username": "hunter2"}', '["hunter2"]', '"hunter2"', "{'password'"])
def test_a_secret_that_is_none_is_refused_and_not_quoted(desk: Desk, text: str):
    desk.is_instance()
    desk.is_secret(text)

    with pytest.raises(CloudError, match=f"the secret {ARN} holds no password") as caught:
        desk.log_in()

    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_without_url_and_plan_both_ways_to_production_are_named(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"^PROD_CONNECTION_URL is not set\n  hint: export PROD.*, or plan an RDS"):
        read_settings(tmp_path, environ={}, target="prod")


# Secrets


def test_nothing_of_a_password_is_shown(desk: Desk):
    desk.is_instance()
    desk.is_secret('{"password": "hunter2"}')
    access = desk.access(**OURS)
    conninfo = access.conninfo()

    assert "hunter2" in conninfo
    assert "hunter" not in f"{access!r} {access} {url(conninfo)} {split_secrets(conninfo)[0]}"


@example("a?schema=b&schema=c@d:5%40/#'\\\" ")
@given(st.text(st.characters(min_codepoint=1, codec="utf-8"), min_size=1))
def test_a_password_arrives_as_it_is_whatever_is_in_it(password: str):
    conninfo = make_conninfo("", host=HOST, password=password, dbname="cruddur")

    assert read_conninfo(conninfo)["password"] == password
    assert read_conninfo(url(conninfo, show_password=True))["password"] == password
    assert split_secrets(conninfo)[1] == {"PGPASSWORD": password}
