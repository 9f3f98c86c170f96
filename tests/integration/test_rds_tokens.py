"""Tokens of 15 minutes in pools that live for weeks: each connection is made with one of its own, and with no other."""

from __future__ import annotations

import asyncio
import threading
from contextlib import closing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from pgproof import AsyncDatabase, Database, ServerUnavailable
from pgproof.cache import Postgres
from pgproof.cache.backends import BackendError
from pgproof.errors import CloudError
from pgproof.pg.conninfo import read_conninfo
from pgproof.pg.database import connect
from pgproof.rds.access import Access, by_token
from pgproof.rds.truststore import SHIPPED
from pgproof.settings import read_settings
from tests.adapters import put
from tests.dynamo import KEYS, moto_server
from tests.rds import make_plan, make_stubs
from tests.tls import HOST, PASSWORD, set_password, tls_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.tls import TlsServer

PID = {"pid": "-- returns: value\nSELECT pg_backend_pid()", "who": "-- returns: value\nSELECT current_user"}


@pytest.fixture(scope="module")
def tls(cache: Path) -> Iterator[TlsServer]:
    with tls_server(cache) as server:
        with connect(server.inside) as connection:
            set_password(connection, "cruddur_app", PASSWORD, verb="CREATE")
        yield server


class Issuer:
    """Who signs tokens; the server takes the newest only, as if 15 minutes lay between any two."""

    def __init__(self, tls: TlsServer) -> None:
        self.tls = tls
        self.issued: list[str] = []

    def sign(self, *, DBHostname: str, Port: int, DBUsername: str) -> str:  # noqa: N803 - boto3's
        token = f"{DBHostname}:{Port}/?{uuid4().hex}"
        self.issued.append(token)
        with connect(self.tls.inside) as connection:
            set_password(connection, DBUsername, token)
        return token

    @property
    def heard(self) -> list[int]:
        """How often the server heard each token."""
        return [self.tls.heard.count(token.encode()) for token in self.issued]


@pytest.fixture
def issuer(tls: TlsServer) -> Issuer:
    tls.heard.clear()
    return Issuer(tls)


@pytest.fixture
def access(tls: TlsServer, issuer: Issuer, tmp_path: Path) -> Access:
    words = f'identifier = "cruddur-db"\niam = true\nconnect_as = "cruddur_app"\nca_bundle = "{tls.roots}"'
    plan = make_plan(tmp_path, words)
    stubs = make_stubs()
    said: Any = {"DBInstanceStatus": "available", "Endpoint": {"Address": HOST, "Port": 5432}}
    stubs.rds.add_response("describe_db_instances", {"DBInstances": [{"DBInstanceIdentifier": "cruddur-db"} | said]})
    vars(stubs.cloud.rds)["generate_db_auth_token"] = issuer.sign
    return Access(replace(read_settings(tmp_path, environ={}), tunnel=tls.tunnel), plan, stubs.cloud)


def end_sessions(tls: TlsServer) -> None:
    """End them as a restart does, and wait until they are gone."""
    with connect(tls.inside) as connection:
        connection.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = 'cruddur'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return put(tmp_path / "queries", PID)


def test_each_connection_is_made_with_a_token_of_its_own(access: Access, issuer: Issuer, folder: Path):
    with Database(access.conninfo, folder, max_size=1) as db:
        pids = [db.pid()]
        for _ in range(2):
            end_sessions(issuer.tls)
            with suppress(ServerUnavailable):  # the end may reach us in the midst of a call
                db.pid()
            pids += [db.pid(), db.pid()]

    assert len(set(pids)) == 3
    assert issuer.heard == [1, 1, 1]
    assert all(token.startswith(f"{HOST}:5432/") for token in issuer.issued)


def test_so_it_is_for_asyncio(access: Access, issuer: Issuer, folder: Path):
    async def ask_twice() -> set[int]:
        async with AsyncDatabase(access.conninfo, folder, max_size=1) as db:
            first = await db.pid()
            end_sessions(issuer.tls)
            with suppress(ServerUnavailable):
                await db.pid()
            return {first, await db.pid()}

    assert len(asyncio.run(ask_twice())) == 2
    assert issuer.heard == [1, 1]


def test_the_event_loop_goes_on_while_somebody_says_where_to_connect(access: Access, folder: Path):
    asked, went_on = threading.Event(), threading.Event()

    def say() -> str:
        asked.set()
        assert went_on.wait(10), "the loop stood"
        return access.conninfo()

    async def ask() -> str:
        async with AsyncDatabase(say, folder, max_size=1) as db:
            answer = asyncio.ensure_future(db.who())
            await asyncio.to_thread(asked.wait, 10)
            went_on.set()
            return str(await answer)

    assert asyncio.run(ask()) == "cruddur_app"


def test_a_cloud_that_refuses_is_told_at_once_in_its_words_and_asked_again(access: Access, folder: Path):
    refusals = [CloudError("AWS refused DescribeDBInstances: AccessDenied", hint="may these credentials?")]

    def say() -> str:
        if refusals:
            raise refusals.pop()
        return access.conninfo()

    with Database(say, folder, max_size=1) as db:
        with pytest.raises(ServerUnavailable) as caught:
            db.who()
        assert db.who() == "cruddur_app"

    assert str(caught.value) == "AWS refused DescribeDBInstances: AccessDenied\n  hint: may these credentials?"


def test_an_error_that_is_not_ours_is_named_and_its_words_are_left_out(folder: Path):
    def say() -> str:
        raise ValueError(PASSWORD)

    with Database(say, folder, max_size=1) as db, pytest.raises(ServerUnavailable) as caught:
        db.who()

    assert "raised ValueError" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_url_that_cannot_be_read_is_refused_where_it_is_asked_for(folder: Path):
    with Database(lambda: "postgresql://u:hunter2@[::1", folder) as db, pytest.raises(ServerUnavailable) as caught:
        db.who()

    assert str(caught.value).startswith("the connection URL cannot be read\n")
    assert "hunter2" not in str(caught.value)


def test_a_cache_in_that_database_logs_in_by_token_as_well(access: Access, issuer: Issuer):
    backend = Postgres(access.conninfo, timeout=10, max_size=1)
    with closing(backend):
        said = [_refusal(backend)]
        end_sessions(issuer.tls)
        said += [_refusal(backend), _refusal(backend)]  # the end of a session may reach us in the midst of a call

    assert {said[0], said[2]} == {"UndefinedTable"}  # it came in, and found nothing there
    assert issuer.heard == [1, 1]


def _refusal(backend: Postgres) -> str:
    with pytest.raises(BackendError) as caught:
        backend.get("key")
    return str(caught.value)


def test_an_application_needs_no_project_to_log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    for name, value in KEYS.items():
        monkeypatch.setenv(name.upper().replace("REGION_NAME", "AWS_DEFAULT_REGION"), value)
    with moto_server() as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        boto3.client("rds").create_db_instance(
            DBInstanceIdentifier="cruddur-db-instance",
            DBInstanceClass="db.t4g.micro",
            Engine="postgres",
            Port=5433,
            EnableIAMDatabaseAuthentication=True,
            MasterUsername="cruddur_master",
            ManageMasterUserPassword=True,
        )
        said = read_conninfo(by_token("cruddur-db-instance", database="cruddur", role="cruddur_app")())

    token = said.pop("password")
    assert token.startswith(f"{HOST}:5433/?Action=connect&DBUser=cruddur_app&")
    assert said == {
        "host": HOST,
        "port": "5433",
        "dbname": "cruddur",
        "user": "cruddur_app",
        "sslmode": "verify-full",
        "sslrootcert": str(SHIPPED),
        "gssencmode": "disable",
    }
