"""A process in, labels that say whose a thing is out; such labels in, whether their process still lives out."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PREFIX = "pgproof.owner."
_START = 19  # place of the start time in /proc/<pid>/stat, counted from the state, which follows the name

# Engines mount a file of their own over a container's /etc/hostname, from a folder named for its id.
_OWN_HOSTNAME = re.compile(r"/([0-9a-f]{64})/(?:\S+/)?hostname /etc/hostname ")


@dataclass(frozen=True)
class Owner:
    """A process, told from all that ever had its pid, here and elsewhere.

    Attributes:
        host: name of its machine; in a container mostly a name of the container's own.
        boot: the kernel's name for this run of the machine, the same in all its containers.
        namespace: where its pid counts; most containers have a namespace of their own.
        started: in the kernel's ticks since boot.
        container: the run of the container that it is in, as the engine tells it; empty outside of one.
    """

    host: str
    boot: str
    namespace: str
    uid: str
    pid: str
    started: str
    container: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """What `parse_owner` reads."""
        return {_PREFIX + name: value for name, value in asdict(self).items()}

    @property
    def user_label(self) -> str:
        """The one label that all of this user's things share, as an engine's filter takes it."""
        return f"{_PREFIX}uid={self.uid}"

    def is_beside(self, other: Owner) -> bool:
        """Each of the two sees whether the other lives."""
        return (self.boot, self.namespace, self.uid) == (other.boot, other.namespace, other.uid)

    def is_of_earlier_boot(self, other: Owner) -> bool:
        """Same user, and a machine of the same name that has, or had, another run."""
        return (self.host, self.uid) == (other.host, other.uid) and self.boot != other.boot

    def lives(self) -> bool:
        """It has not ended; asked of anybody who is not beside us, the answer means nothing."""
        try:
            return _read_start(self.pid) == self.started
        except OSError:
            return _is_taken(self.pid)


def read_owner(*, container: str = "") -> Owner | None:
    """Return ourselves; None where no /proc tells of us by our own pid: macOS, or a sandbox that shows its host's."""
    try:
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return None
        return Owner(
            host=os.uname().nodename,
            boot=Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip(),
            namespace=Path("/proc/self/ns/pid").readlink().name,
            uid=str(os.getuid()),
            pid=str(os.getpid()),
            started=_read_start("self"),
            container=container,
        )
    except OSError:
        return None


def parse_owner(labels: Mapping[str, str]) -> Owner | None:
    """Return whom the labels name; None where they are not ours, or another version's."""
    told = {each.name: labels.get(_PREFIX + each.name) for each in fields(Owner)}
    known = {name: value for name, value in told.items() if value is not None}
    return Owner(**known) if len(known) == len(told) and known["pid"].isdecimal() else None


def read_container_id() -> str | None:
    """Return the id of the container that we are in, as its mounts tell it; None outside, or in an unusual one."""
    try:
        found = _OWN_HOSTNAME.search(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return found[1] if found else None


def _read_start(pid: str) -> str:
    """Return when it began, empty if it has ended and its parent has not yet asked: some containers' never does."""
    # Before the state stands the program's name in brackets, and in it anything may stand.
    told = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].decode().split()
    return "" if told[0] in ("Z", "X") else told[_START]


def _is_taken(pid: str) -> bool:
    """Some process has this pid, also where /proc hides what others run (hidepid)."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
