"""A Postgres that speaks TLS, with a certificate of a CA of our own: as RDS is, behind a tunnel that begins here.

Embedded builds of Postgres cannot speak it. So one speaks for it, as a proxy of RDS' does: TLS to whoever comes by TCP,
and behind it a Postgres that asks for passwords in its own words. One that speaks it itself: test_rds_tls_server.py.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from select import select
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Protocol

import trustme
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal

from pgproof.pg.database import connect
from pgproof.pg.server import throwaway_server
from pgproof.rds.access import Access
from pgproof.rds.truststore import SHIPPED
from pgproof.settings import read_settings
from tests.rds import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from tests.rds import Stubs

HOST = "cruddur-db-instance.aaaaaaaaaa.ca-central-1.rds.amazonaws.com"
"""The endpoint as moto names it."""

PASSWORD = "s3cret-Pa:ss?w'rd%41\\"  # noqa: S105
"""Of `cruddur_master`, who owns database cruddur; nothing that a run writes may hold it."""

OTHER = "other-db.aaaaaaaaaa.ca-central-1.rds.amazonaws.com"

REASONS = {
    "name": (
        f'server certificate for "{HOST}" does not match host name "{OTHER}"',
        "that is another server than was asked for: is the host name, or the tunnel, wrong?",
    ),
    "roots": (
        "SSL error: certificate verify failed (unable to get local issuer certificate)",
        (
            "somebody else stands between, or its roots are in another file: "
            "`ca_bundle` of the plan, sslrootcert of the URL"
        ),
    ),
    "expired": (
        "SSL error: certificate verify failed (certificate has expired)",
        "the server needs a new one, or somebody else stands between; nothing was sent to it",
    ),
    "plaintext": (
        "server does not support SSL, but SSL was required",
        "RDS always does: is the host, or the tunnel, wrong?",
    ),
}
"""What is wrong with a server: how that is told, and what is hinted at."""

_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
_HBA = "local all postgres trust\nlocal all all password\n"  # as by PAM, what is sent is the password itself


class Endpoint(Protocol):
    """A server at the other end of a tunnel.

    Attributes:
        roots: file with its CA's certificate.
        authority: that CA.
    """

    roots: Path
    authority: trustme.CA

    @property
    def tunnel(self) -> str:
        """As the setting of that name."""

    def show(self, certificate: trustme.LeafCert | None) -> None:
        """Have new clients see another certificate; None: there is no TLS any more."""


@dataclass(frozen=True)
class Client:
    """Who logs in at an endpoint, in a project that plans the instance.

    Attributes:
        root: of that project.
        stubs: AWS.
    """

    endpoint: Endpoint
    root: Path
    stubs: Stubs

    def access(self, host: str = HOST, roots: Path | None = None) -> Access:
        """Return how to log in there; AWS says that the instance is `host`."""
        bundle = roots or self.endpoint.roots
        words = f'identifier = "cruddur-db"\nmaster_password = "environment"\nca_bundle = "{bundle}"'
        plan = make_plan(self.root, words)
        chosen = replace(
            read_settings(self.root, environ={}),
            target="prod",
            server="url",
            tunnel=self.endpoint.tunnel,
            master_password=PASSWORD,
        )
        said: Any = {"DBInstanceStatus": "available", "Endpoint": {"Address": host, "Port": 5432}}
        self.stubs.rds.add_response(
            "describe_db_instances", {"DBInstances": [{"DBInstanceIdentifier": "cruddur-db"} | said]}
        )
        return Access(chosen, plan, self.stubs.cloud)

    def wrong_access(self, fault: str) -> Access:
        """Return the same where something is wrong, see `REASONS`."""
        if fault == "name":
            return self.access(OTHER)
        if fault == "roots":
            return self.access(roots=SHIPPED)
        self.endpoint.show(expired(self.endpoint.authority) if fault == "expired" else None)
        return self.access()


class TlsServer:
    """Who speaks TLS for a server.

    Attributes:
        inside: conninfo for a superuser, past it.
        roots: file with its CA's certificate.
        authority: that CA.
        heard: what clients said, decrypted, after they had let it prove who it is.
    """

    def __init__(self, inside: str, folder: Path) -> None:
        parts = conninfo_to_dict(inside)
        self.inside = inside
        self.authority = trustme.CA()
        self.roots = folder / "roots.pem"
        self.authority.cert_pem.write_to_path(str(self.roots))
        self._behind = f"{parts['host']}/.s.PGSQL.{parts['port']}"
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.heard = bytearray()
        self._context: ssl.SSLContext | None = None
        self.show(self.authority.issue_cert(HOST))

    @property
    def tunnel(self) -> str:
        """As the setting of that name."""
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def show(self, certificate: trustme.LeafCert | None) -> None:
        """Have new clients see another certificate; None: there is no TLS any more."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self._context and certificate:
            certificate.configure_cert(self._context)

    def listen(self) -> None:
        """Serve clients, until it is closed."""
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=[self._listening.accept()[0]], daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _serve(self, client: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(client)
            if client.recv(8) != _SSL_REQUEST:
                return  # as a server does that wants nobody without
            client.sendall(b"S" if self._context else b"N")
            if self._context:
                speaking = stack.enter_context(self._context.wrap_socket(client, server_side=True))
                server = stack.enter_context(socket.socket(socket.AF_UNIX))
                server.connect(self._behind)
                self._carry(speaking, server)

    def _carry(self, client: ssl.SSLSocket, server: socket.socket) -> None:
        """Carry what either says to the other, until one has gone; by one thread, for OpenSSL bears no second."""
        while True:
            ready = [client] if client.pending() else select([client, server], [], [])[0]
            for each in ready:
                if not (content := each.recv(1 << 16)):
                    return
                if each is client:
                    self.heard += content
                (server if each is client else client).sendall(content)


@contextmanager
def tls_server(cache: Path) -> Iterator[TlsServer]:
    """Run one, with a database cruddur and the role that owns it."""
    folder = Path(mkdtemp(prefix="tls-", dir=cache))
    folder.chmod(0o755)
    rules = folder / "pg_hba.conf"
    rules.write_text(_HBA)
    settings = replace(read_settings(folder, environ={}), cache=cache)
    with throwaway_server(settings, hba_file=str(rules)) as server:
        with connect(server.conninfo) as connection:
            set_password(connection, "cruddur_master", PASSWORD, verb="CREATE")
            connection.execute("CREATE DATABASE cruddur OWNER cruddur_master")
        tls = TlsServer(server.conninfo, folder)
        threading.Thread(target=tls.listen, daemon=True).start()
        yield tls
        tls.close()


def set_password(connection: Connection[Any], role: str, password: str, *, verb: str = "ALTER") -> None:
    """Let a role log in with it, and with no other."""
    words = SQL(verb + " ROLE {} LOGIN PASSWORD {}")
    connection.execute(words.format(Identifier(role), Literal(password)))


def expired(authority: trustme.CA) -> trustme.LeafCert:
    """Make a certificate that ended yesterday."""
    now = datetime.now(UTC)
    return authority.issue_cert(HOST, not_before=now - timedelta(days=9), not_after=now - timedelta(days=1))
