"""TLS with RDS: who is not the endpoint is refused with the reason, and has heard nothing. On a server of our own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pgproof import Database, ServerUnavailable
from pgproof.pg.database import connect
from pgproof.rds.access import Access
from pgproof.rds.server import RdsServer
from pgproof.rds.truststore import SHIPPED
from pgproof.settings import read_settings
from tests.adapters import put
from tests.rds import make_plan, make_stubs
from tests.tls import HOST, PASSWORD, expired, tls_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.rds import Stubs
    from tests.tls import TlsServer

Refused = tuple[str, str]

OTHER = "other-db.aaaaaaaaaa.ca-central-1.rds.amazonaws.com"
NO_NAME = (
    f'server certificate for "{HOST}" does not match host name "{OTHER}"',
    "that is another server than was asked for: is the host name, or the tunnel, wrong?",
)
NO_ROOT = (
    "SSL error: certificate verify failed (unable to get local issuer certificate)",
    "somebody else stands between, or its roots are in another file: `ca_bundle` of the plan, sslrootcert of the URL",
)
ENDED = (
    "SSL error: certificate verify failed (certificate has expired)",
    "the server needs a new one, or somebody else stands between; nothing was sent to it",
)
PLAIN = (
    "server does not support SSL, but SSL was required",
    "RDS always does: is the host, or the tunnel, wrong?",
)


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
def access(tls: TlsServer, stubs: Stubs, tmp_path: Path) -> Callable[..., Access]:
    """How to log in there; AWS says that the instance is `host`."""

    def make(host: str = HOST, roots: Path = tls.roots) -> Access:
        words = f'identifier = "cruddur-db"\nmaster_password = "environment"\nca_bundle = "{roots}"'
        plan = make_plan(tmp_path, words)
        chosen = replace(
            read_settings(tmp_path, environ={}),
            target="prod",
            server="url",
            tunnel=tls.tunnel,
            master_password=PASSWORD,
        )
        said: Any = {"DBInstanceStatus": "available", "Endpoint": {"Address": host, "Port": 5432}}
        stubs.rds.add_response(
            "describe_db_instances", {"DBInstances": [{"DBInstanceIdentifier": "cruddur-db"} | said]}
        )
        return Access(chosen, plan, stubs.cloud)

    return make


def make_wrong(tls: TlsServer, access: Callable[..., Access], fault: str) -> tuple[Access, Refused]:
    """Make something wrong, and say how that is to be told."""
    if fault == "name":
        return access(OTHER), NO_NAME
    if fault == "roots":
        return access(roots=SHIPPED), NO_ROOT
    tls.show(expired(tls.authority) if fault == "expired" else None)
    return access(), ENDED if fault == "expired" else PLAIN


FAULTS = pytest.mark.parametrize("fault", ["name", "roots", "expired", "plaintext"])


def test_the_endpoint_lets_in_who_knows_the_password(access: Callable[..., Access]):
    with connect(access().conninfo()) as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == ("cruddur_master", "cruddur")


@FAULTS
def test_who_is_not_the_endpoint_is_refused_with_the_reason_and_hears_nothing(
    tls: TlsServer, access: Callable[..., Access], fault: str
):
    wrong, (what, hint) = make_wrong(tls, access, fault)

    with pytest.raises(ServerUnavailable) as caught:
        connect(wrong.conninfo())

    address, _, port = tls.tunnel.partition(":")
    assert caught.value.what == f'connection to server at "{address}", port {port} failed: {what}'
    assert caught.value.hint == hint
    assert tls.heard == b""


@FAULTS
def test_no_variable_of_libpqs_makes_a_conninfo_believe_more(
    tls: TlsServer, access: Callable[..., Access], fault: str, monkeypatch: pytest.MonkeyPatch
):
    wrong, (what, _) = make_wrong(tls, access, fault)
    weaker = {"PGSSLMODE": "disable", "PGSSLROOTCERT": str(tls.roots), "PGGSSENCMODE": "prefer", "PGREQUIRESSL": "0"}
    for name, value in weaker.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ServerUnavailable) as caught:
        connect(wrong.conninfo())

    assert what in caught.value.what
    assert tls.heard == b""


@FAULTS
def test_a_task_hears_the_reason_and_not_that_nobody_answers(tls: TlsServer, access: Callable[..., Access], fault: str):
    wrong, (what, hint) = make_wrong(tls, access, fault)
    server = RdsServer(wrong.settings)
    vars(server)["access"] = wrong

    with pytest.raises(ServerUnavailable) as caught:
        server.find()

    assert what in caught.value.what
    assert caught.value.hint == hint
    assert tls.heard == b""


def test_a_planned_instance_is_found_and_never_ours_also_behind_a_tunnel(access: Callable[..., Access]):
    right = access()
    server = RdsServer(replace(right.settings, target="local"))
    vars(server)["access"] = right

    with connect(server.find(), dbname=server.database) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("cruddur",)
    assert not server.ours


def test_an_application_hears_the_reason_as_well(tls: TlsServer, access: Callable[..., Access], tmp_path: Path):
    folder = put(tmp_path / "queries", {"who": "-- returns: value\nSELECT current_user"})
    with Database(access(OTHER).conninfo, folder) as db, pytest.raises(ServerUnavailable) as caught:
        db.who()

    assert NO_NAME[0] in caught.value.what
    assert tls.heard == b""
