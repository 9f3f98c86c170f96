"""Settings in, the server of a test run out: one for all its processes, started when the first test asks for it.

The workers of xdist borrow it from their controller, so that it lives as long as the run does, whichever worker asked
first or crashes. They talk over a socket without a file: nothing has to be removed after a SIGKILL.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from pgproof.errors import PgproofError, ServerUnavailable, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pgproof.settings import Settings


@dataclass(frozen=True)
class Loan:
    """A server that tests may make databases on.

    Attributes:
        conninfo: of its maintenance database.
        place: where it is, for a person.
        stays: it is there after the run, so what is made on it must be dropped.
    """

    conninfo: str = field(repr=False)
    place: str
    stays: bool


@contextmanager
def open_server(settings: Settings, *, keep: bool, **besides: str) -> Iterator[Loan]:
    """Give a throw-away server; to `keep` a database, the developer's own, for the other ends with the run.

    `besides` is how else a throw-away one is configured.

    Raises:
        SettingsError: the target is production.
        ServerUnavailable: it does not start or does not answer.
    """
    from pgproof.pg.server import choose_server, throwaway_server

    if settings.target == "prod":
        raise SettingsError("tests make and drop databases: never on target prod", hint="unset PGPROOF_TARGET")
    if keep:
        yield Loan(choose_server(settings).ensure_up(), f"{settings.server}, the developer's own", stays=True)
        return
    with throwaway_server(settings, **besides) as server:
        yield Loan(server.conninfo, server.place, stays=settings.server == "url")


class Lender:
    """The controller's side: answers each worker that asks for the server, one after the other."""

    def __init__(self, lend: Callable[[], Loan]) -> None:
        self.address = f"pgproof-{token_hex(16)}"
        self._lend = lend
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(f"\0{self.address}")
        self._socket.listen(socket.SOMAXCONN)
        self._thread = threading.Thread(target=self._serve, name="pgproof-lender", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Lend no more; the server is still there."""
        self._socket.shutdown(socket.SHUT_RDWR)  # close() alone would not wake the thread
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                worker, _ = self._socket.accept()
            except OSError:  # closed
                return
            with worker:
                if _is_ours(worker):
                    worker.sendall(json.dumps(self._answer()).encode())

    def _answer(self) -> dict[str, Any]:
        try:
            return asdict(self._lend())
        except PgproofError as error:
            return {"what": f"{error.at}: {error.what}" if error.at else error.what, "hint": error.hint}
        except Exception as error:  # noqa: BLE001 - a worker waits for the answer, and somebody has to be told
            return {"what": f"the server could not be started: {error!r}", "hint": ""}


def borrow(address: str) -> Loan:
    """Ask the controller for the server; return when it is there.

    Raises:
        ServerUnavailable: in the controller's words.
    """
    with socket.socket(socket.AF_UNIX) as controller:
        try:
            controller.connect(f"\0{address}")
            answer = json.load(controller.makefile(encoding="utf-8")) if _is_ours(controller) else {}
        except (OSError, ValueError) as error:
            raise ServerUnavailable("pytest's controller does not answer: has it ended?") from error
    if "what" in answer:
        raise ServerUnavailable(answer["what"], hint=answer["hint"])
    return Loan(**answer)


def _is_ours(peer: socket.socket) -> bool:
    """Such sockets have no permissions, but the kernel says who is at the other end; the conninfo may be a secret."""
    size = struct.calcsize("3i")
    _, uid, _ = struct.unpack("3i", peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return bool(uid == os.geteuid())
