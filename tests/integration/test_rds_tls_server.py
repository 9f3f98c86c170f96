"""TLS with RDS, against a Postgres that speaks it itself: in a container, for embedded builds cannot."""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest
import trustme
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pgproof.errors import ServerUnavailable
from pgproof.pg.container import throwaway_container
from pgproof.pg.database import connect
from pgproof.settings import read_settings
from tests.rds import make_stubs
from tests.tls import HOST, PASSWORD, REASONS, Client, set_password

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg import Connection

pytestmark = pytest.mark.container

# The server takes no key that others may read. Its programs begin in the data directory.
_WRITE = "COPY (SELECT string_to_table({}, E'\\n')) TO PROGRAM {}"
_HBA = "hostssl all cruddur_master all scram-sha-256\nhost all postgres all scram-sha-256"


class SecureServer:
    """A server in a container that takes its master user by TLS only; who knows its superuser changes its files.

    Attributes:
        inside: conninfo for that superuser.
        roots: file with its CA's certificate.
        authority: that CA.
    """

    def __init__(self, inside: str, folder: Path) -> None:
        self.inside = inside
        self.authority = trustme.CA()
        self.roots = folder / "roots.pem"
        self.authority.cert_pem.write_to_path(str(self.roots))
        with connect(inside) as connection:
            set_password(connection, "cruddur_master", PASSWORD, verb="CREATE")
            connection.execute("CREATE DATABASE cruddur OWNER cruddur_master")
            _write(connection, "pg_hba.conf", _HBA)

    @property
    def tunnel(self) -> str:
        """As the setting of that name."""
        parts = conninfo_to_dict(self.inside)
        return f"{socket.gethostbyname(str(parts['host']))}:{parts['port']}"

    def show(self, certificate: trustme.LeafCert | None) -> None:
        """Have new clients see another certificate; None: there is no TLS any more."""
        with connect(self.inside) as connection:
            if certificate:
                _write(
                    connection, "server.crt", b"".join(each.bytes() for each in certificate.cert_chain_pems).decode()
                )
                _write(connection, "server.key", certificate.private_key_pem.bytes().decode())
            connection.execute(sql.SQL("ALTER SYSTEM SET ssl = {}").format("on" if certificate else "off"))
            loaded = self._loaded()
            connection.execute("SELECT pg_reload_conf()")
        while self._loaded() == loaded:
            pass  # the next session is of a server that has read all

    def _loaded(self) -> object:
        with connect(self.inside) as connection:
            return connection.execute("SELECT pg_conf_load_time()").fetchone()


def _write(connection: Connection, name: str, text: str) -> None:
    connection.execute(sql.SQL(_WRITE).format(text, f"umask 77; rm -f {name}; cat >{name}"))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, image: str) -> Iterator[SecureServer]:
    """One for all, its certificates exchanged while it runs; where no engine answers a desk skips, and CI fails."""
    folder = tmp_path_factory.mktemp("secure")
    with throwaway_container(replace(read_settings(folder), image=image)) as inside:
        yield SecureServer(inside, folder)


@pytest.fixture
def client(running: SecureServer, tmp_path: Path) -> Client:
    """Before an endpoint that is as it ought to be."""
    running.show(running.authority.issue_cert(HOST))
    return Client(running, tmp_path, make_stubs())


def test_the_right_host_lets_in_and_all_that_is_said_there_is_encrypted(client: Client):
    with connect(client.access().conninfo()) as connection:
        said = connection.execute(
            "SELECT current_user, ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        ).fetchone()

    assert said == ("cruddur_master", True, "TLSv1.3")


@pytest.mark.parametrize("fault", REASONS)
def test_what_is_not_the_right_host_is_refused_with_the_reason(client: Client, fault: str):
    what, hint = REASONS[fault]

    with pytest.raises(ServerUnavailable) as caught:
        connect(client.wrong_access(fault).conninfo())

    assert caught.value.what.endswith(f" failed: {what}")
    assert caught.value.hint == hint


def test_who_comes_without_tls_is_turned_away_by_the_server_too(client: Client):
    conninfo = client.access().conninfo()

    with pytest.raises(psycopg.OperationalError, match=r'user "cruddur_master", database "cruddur", no encryption'):
        psycopg.connect(make_conninfo(conninfo, sslmode="disable"))


def test_a_wrong_password_is_no_fault_of_the_certificate(client: Client):
    conninfo = client.access().conninfo()

    with pytest.raises(ServerUnavailable, match="password authentication failed") as caught:
        connect(make_conninfo(conninfo, password="wrong-one"))  # noqa: S106 - no password

    assert "wrong-one" not in str(caught.value)
