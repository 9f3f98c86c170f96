"""A Momento in a process of its own, as a service would be: `python cache_momento.py` serves until its input ends."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from momento import CredentialProvider
from momento.config import Configurations
from momento.retry import FixedCountRetryStrategy

from pgproof.testing import MomentoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from momento.config import Configuration

CACHE = "bench"
_HOST = "127.0.0.1"


@contextmanager
def serve(delay: float) -> Iterator[CredentialProvider]:
    """Give the credentials of a server that answers each call so many seconds late, as a network would."""
    command = [sys.executable, __file__, str(delay)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        key, port = json.loads(process.stdout.readline())
        yield CredentialProvider(key, _HOST, _HOST, _HOST, port)
        process.stdin.close()


def configure() -> Configuration:
    """Return a configuration in which a busy machine is no error."""
    patient = Configurations.Laptop.v1().with_client_timeout(timedelta(seconds=30))
    return patient.with_retry_strategy(FixedCountRetryStrategy(max_attempts=0))


if __name__ == "__main__":
    with MomentoServer([CACHE]) as server:
        if seconds := float(sys.argv[1]):
            for method in ("Get", "Set", "SetIfNotExists"):
                server.delay(method, seconds, times=None)
        print(json.dumps([server.credentials.auth_token, server.credentials.port]), flush=True)
        sys.stdin.read()
