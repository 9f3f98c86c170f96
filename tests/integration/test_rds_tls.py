"""TLS with RDS: who is not the endpoint is refused with the reason, and has heard nothing. On a server of our own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pgproof import Database, ServerUnavailable
from pgproof.pg.database import connect
from pgproof.rds.server import RdsServer
from tests.adapters import put
from tests.rds import make_stubs
from tests.tls import HOST, OTHER, PASSWORD, REASONS, Client, tls_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rds import Stubs
    from tests.tls import TlsServer

FAULTS = pytest.mark.parametrize("fault", REASONS)


@pytest.fixture(scope="module")
def running(cache: Path) -> Iterator[TlsServer]:
    with tls_server(cache) as server:
        yield server


@pytest.fixture
def tls(running: TlsServer) -> TlsServer:
    """The endpoint, as it ought to be."""
    running.show(running.authority.issue_cert(HOST))
    running.heard.clear()
    return running


@pytest.fixture(scope="module")
def stubs() -> Stubs:
    return make_stubs()


@pytest.fixture
def client(tls: TlsServer, stubs: Stubs, tmp_path: Path) -> Client:
    return Client(tls, tmp_path, stubs)


@FAULTS
def test_who_is_not_the_endpoint_is_refused_with_the_reason_and_hears_nothing(
    tls: TlsServer, client: Client, fault: str
):
    wrong, (what, hint) = client.wrong_access(fault), REASONS[fault]

    with pytest.raises(ServerUnavailable) as caught:
        connect(wrong.conninfo())

    address, _, port = tls.tunnel.partition(":")
    assert caught.value.what == f'connection to server at "{address}", port {port} failed: {what}'
    assert caught.value.hint == hint
    assert tls.heard == b""


@FAULTS
def test_no_variable_of_libpqs_makes_a_conninfo_believe_more(
    tls: TlsServer, client: Client, fault: str, monkeypatch: pytest.MonkeyPatch
):
    wrong = client.wrong_access(fault)
    weaker = {"PGSSLMODE": "disable", "PGSSLROOTCERT": str(tls.roots), "PGGSSENCMODE": "prefer", "PGREQUIRESSL": "0"}
    for name, value in weaker.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ServerUnavailable) as caught:
        connect(wrong.conninfo())

    assert REASONS[fault][0] in caught.value.what
    assert tls.heard == b""


@FAULTS
def test_a_task_hears_the_reason_and_not_that_nobody_answers(tls: TlsServer, client: Client, fault: str):
    wrong, (what, hint) = client.wrong_access(fault), REASONS[fault]
    server = RdsServer(wrong.settings)
    vars(server)["access"] = wrong

    with pytest.raises(ServerUnavailable) as caught:
        server.find()

    assert what in caught.value.what
    assert caught.value.hint == hint
    assert tls.heard == b""


def test_a_planned_instance_is_found_and_never_ours_also_behind_a_tunnel(tls: TlsServer, client: Client):
    right = client.access()
    server = RdsServer(replace(right.settings, target="local"))
    vars(server)["access"] = right

    with connect(server.find(), dbname=server.database) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("cruddur",)
    assert not server.ours
    assert PASSWORD.encode() in tls.heard  # so it is the others who hear nothing


def test_an_application_hears_the_reason_as_well(tls: TlsServer, client: Client, tmp_path: Path):
    folder = put(tmp_path / "queries", {"who": "-- returns: value\nSELECT current_user"})
    with Database(client.access(OTHER).conninfo, folder) as db, pytest.raises(ServerUnavailable) as caught:
        db.who()

    assert REASONS["name"][0] in caught.value.what
    assert tls.heard == b""
