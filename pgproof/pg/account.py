"""Our user id in, who runs the server out: Postgres refuses root, so as root it is somebody else."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.errors import ServerUnavailable

if TYPE_CHECKING:
    from pathlib import Path

_STAND_INS = ("postgres", "nobody")  # in this order, when we are root

# The server sees nothing of our shell: no PG* variable may configure it, and its words stay English,
# because diagnosis.py reads them.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """The operating system's user that the server runs as; `other` when that is not ourselves."""

    name: str
    uid: int
    gid: int
    other: bool

    @property
    def options(self) -> dict[str, Any]:
        """Keyword arguments that make `subprocess` run a program as this user, in a clean environment."""
        # The working directory may be closed to that user; `/` never is.
        base: dict[str, Any] = {"env": _ENVIRONMENT, "cwd": "/"}
        if self.other:
            base |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return base

    def make_private(self, folder: Path) -> None:
        """Make a folder that only this user (and root) can enter; its parents exist."""
        folder.mkdir(mode=0o700)
        if self.other:
            os.chown(folder, self.uid, self.gid)


def choose_account() -> Account:
    """Return ourselves, or as root the first unprivileged user that this machine has.

    Raises:
        ServerUnavailable: we are root and there is no such user.
    """
    uid = os.geteuid()
    if uid != 0:
        return Account(name=str(uid), uid=uid, gid=os.getegid(), other=False)
    known = {each.pw_name: each for each in pwd.getpwall() if each.pw_name in _STAND_INS}
    for name in _STAND_INS:
        if found := known.get(name):
            return Account(name=name, uid=found.pw_uid, gid=found.pw_gid, other=True)
    raise ServerUnavailable(
        "PostgreSQL does not run as root, and this machine has neither a user postgres nor nobody",
        hint="add one (useradd --system postgres), or use --server=container",
    )
