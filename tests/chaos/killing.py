"""A run to be killed in, how far it came out: each in a process of its own, forked from one that has all loaded.

    python -m tests.chaos.killing        reads runs, a line of JSON each, and answers with a line for each

A fork takes a few milliseconds, and starting Python with boto3 a second. The forked one's time is counted in steps: it
is about to ask AWS, or Postgres. At the step that is asked for the process gets SIGKILL, which leaves it no time for
anything. To be killed right after an answer would be the same as to be killed before the next question.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import signal
import struct
import subprocess
import sys
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from pgproof.metrics.aws import Aws
from pgproof.metrics.feed import open_feeds
from pgproof.metrics.mappings.mapping import read_mappings
from pgproof.metrics.streams import sync
from tests.chaos.cutting import connect_stepping
from tests.chaos.player import bring_up
from tests.chaos.script import VERBS, make_script
from tests.chaos.stage import Stage
from tests.dynamo import connect_aws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ALIVE = 7_777_777
"""An advisory lock that each run's connections share: who gets it alone knows that all of them are gone."""

_SAY_ALIVE = f"SELECT pg_advisory_lock_shared({ALIVE})"
_STATE = struct.Struct("=qq")


@dataclass(frozen=True)
class Run:
    """What to do.

    Attributes:
        url: of a database with the tables of metrics.
        folder: with the mappings.
        kill_at: the step at which it is killed; 0: it is not.
        seed: of the script of a table in memory; or none of it where `aws` says where moto is.
        length: of that script.
        position: how much of it has happened already.
        aws: URL of a server of moto's.
    """

    url: str
    folder: str
    kill_at: int = 0
    seed: int = 0
    length: int = 0
    position: int = 0
    aws: str = ""


@dataclass(frozen=True)
class Outcome:
    """How far it came.

    Attributes:
        steps: how many it made.
        position: how much of the script has happened.
        killed: whether it was; else it came to its end.
    """

    steps: int
    position: int
    killed: bool


class Killer:
    """Does runs, each in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, run: Run) -> Outcome:
        """Do one, and wait for its end."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(asdict(run)) + "\n")
        self._process.stdin.flush()
        said = json.loads(self._process.stdout.readline())
        assert "failure" not in said, said["failure"]
        return Outcome(**said)


@contextmanager
def start_killer() -> Iterator[Killer]:
    """Start the process that forks."""
    command = [sys.executable, "-m", "tests.chaos.killing"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Killer(process)
        assert process.stdin
        process.stdin.close()


class _Steps:
    """Counts, in memory that outlives the process that counts."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _STATE.size)
        self._lock = Lock()

    def begin(self, run: Run) -> None:
        self._kill_at = run.kill_at
        self._memory[:] = _STATE.pack(0, run.position)

    def read(self) -> tuple[int, int]:
        steps, position = _STATE.unpack(self._memory[:])
        return steps, position

    def step(self) -> None:
        with self._lock:
            steps, position = self.read()
            self._memory[:] = _STATE.pack(steps + 1, position)
        if steps + 1 == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def move(self, position: int) -> None:
        with self._lock:
            self._memory[:] = _STATE.pack(self.read()[0], position)


class _Stepping:
    """A client of boto3's, on which every request is a step."""

    def __init__(self, client: Any, step: Callable[[], None], **smaller: int) -> None:
        self._client = client
        self._step = step
        self._smaller = smaller

    def __getattr__(self, name: str) -> Any:
        ask = getattr(self._client, name)
        limit = {"Limit": self._smaller[name]} if name in self._smaller else {}

        def request(**asked: Any) -> Any:
            self._step()
            return ask(**{**asked, **limit})

        return request


def _do(run: Run, steps: _Steps) -> None:
    """Bring a table to Postgres."""
    clients = _moto(run, steps) if run.aws else _stage(run, steps)
    mappings = read_mappings(Path(run.folder))

    def connect() -> Any:
        connection = connect_stepping(run.url, steps.step)
        connection.execute(_SAY_ALIVE)
        return connection

    tables, streams = clients
    (feed,) = open_feeds(Aws(tables, streams, attempts=1), connect, mappings)
    bring_up(feed, segments=2)


def _stage(run: Run, steps: _Steps) -> Iterable[Any]:
    stage = Stage(make_script(run.seed, run.length, VERBS), run.seed, run.position)

    def go_on(operation: str) -> None:
        if operation in ("scan", "get_records"):  # else all would have happened before the stream is read
            stage.go_on(1)
            steps.move(stage.position)

    stage.on_call, stage.is_odd = go_on, False
    client = _Stepping(stage, steps.step)
    return client, client


def _moto(run: Run, steps: _Steps) -> Iterable[Any]:
    aws = connect_aws(run.aws)
    return tuple(_Stepping(each, steps.step, scan=2, get_records=2) for each in (aws.tables, aws.streams))


def _fork(run: Run, steps: _Steps) -> dict[str, Any]:
    steps.begin(run)
    read, write = os.pipe()
    if not (child := os.fork()):
        try:
            _do(run, steps)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - it is told
            os.write(write, traceback.format_exc()[-4000:].encode())
            os._exit(1)
    os.close(write)
    with open(read, encoding="utf-8") as failure:  # noqa: PTH123 - it is no path
        said = failure.read()
    _, status = os.waitpid(child, 0)
    if said or (os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL):
        return {"failure": said or f"status {status}"}
    done, position = steps.read()
    return {"steps": done, "position": position, "killed": os.WIFSIGNALED(status)}


def main() -> None:
    """Do what is asked for, until nobody asks."""
    steps = _Steps()
    connect_aws("http://127.0.0.1:1")  # boto3 has read its models then
    sync.PATIENCE = 1  # no page here is empty before the last
    gc.freeze()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_fork(Run(**json.loads(line)), steps)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
