"""Settings in, an embedded server that keeps nothing out; it and its folder are gone when we are, however we end."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.errors import ServerUnavailable
from pgproof.pg.account import choose_account
from pgproof.pg.binaries import find_binaries
from pgproof.pg.cluster import copy_cluster
from pgproof.pg.folder import hold_lock
from pgproof.pg.postmaster import launch
from pgproof.pg.server import NOTHING_IS_KEPT, Throwaway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.pg.account import Account
    from pgproof.settings import Settings

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own, closed to others, is made in it
_ROOM = 1 << 30  # bytes that must be free there: a container's default of 64 MB holds no test database


# Waits for the end of its input, which is our end too, even by SIGKILL; then ends the server and removes its
# folder. A pid alone may be somebody else's by now: only a process that works in the data directory is ended.
_KEEPER = """
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$1/data" ]; then
    kill -QUIT "$pid"
    while [ -e "$1/data/postmaster.pid" ] && [ $((waited += 1)) -le 200 ]; do sleep 0.05; done
fi
rm -rf "$1"
"""


@contextmanager
def throwaway_embedded(settings: Settings, **besides: str) -> Iterator[Throwaway]:
    """Give a fresh server: in memory where there is room, nothing durable; `besides` is how else it is configured.

    Raises:
        ServerUnavailable: no binaries, or the server does not start.
    """
    account = choose_account()
    binaries = find_binaries(settings)
    parent, place = _choose_place()
    with _own_folder(account, parent) as folder:
        copy_cluster(binaries, account, settings.cache, folder / "data")
        config = NOTHING_IS_KEPT | besides | {"listen_addresses": "", "unix_socket_directories": f'"{folder}"'}
        process, found = launch(binaries, account, folder / "data", log=folder / "postgres.log", config=config)
        try:
            yield Throwaway(found.local_conninfo("postgres"), f"embedded, {place}")
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait()


@contextmanager
def _own_folder(account: Account, parent: Path) -> Iterator[Path]:
    """Make a folder that is removed after use; our lock on it says that it is in use."""
    base = _ensure_base(parent)
    with hold_lock(base / "lock"):  # between making a folder and locking it nobody may think it abandoned
        _remove_abandoned(base)
        folder = Path(tempfile.mkdtemp(dir=base))
        if account.other:
            os.chown(folder, account.uid, account.gid)
        descriptor = _try_lock(folder)
    keeper = _start_keeper(folder, stdin=subprocess.PIPE)
    try:
        yield folder
    finally:
        keeper.communicate(b"\n")  # not only the end of its input: a forked child of ours may hold that open
        if descriptor is not None:
            os.close(descriptor)


def _choose_place() -> tuple[Path, str]:
    """Return where to put the data, and say why: a database on a disk takes ten times as long to make."""
    disk = Path(tempfile.gettempdir())
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK):
        return disk, f"on disk in {disk}, for {_MEMORY} cannot be used"
    free = shutil.disk_usage(_MEMORY).free
    if free < _ROOM:
        return disk, f"on disk in {disk}, for {_MEMORY} has {free >> 20} MB of the {_ROOM >> 20} that are wanted"
    return _MEMORY, "in memory"


def _ensure_base(parent: Path) -> Path:
    """Make the folder of our user's servers; /dev/shm and /tmp are everybody's, so whose folder it is counts."""
    uid = os.geteuid()
    base = parent / f"pgproof-{uid}"
    if not base.exists():
        base.mkdir(exist_ok=True)
        base.chmod(0o711 if uid == 0 else 0o700)  # root's server runs as somebody else, who passes through
    found = base.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o022:
        raise ServerUnavailable(f"{base} is not ours alone", hint="remove it")
    return base


def _remove_abandoned(base: Path) -> None:
    """Remove what killed processes left, when their keeper was killed as well."""
    for folder in base.iterdir():
        if folder.is_dir() and (descriptor := _try_lock(folder)) is not None:
            _start_keeper(folder, stdin=subprocess.DEVNULL).wait()
            os.close(descriptor)


def _try_lock(folder: Path) -> int | None:
    """Lock the folder itself, so that no lock file can outlive it; None if another process holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _start_keeper(folder: Path, *, stdin: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", _KEEPER, "pgproof-keeper", folder],
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"PATH": os.defpath},
        start_new_session=True,  # Ctrl-C in our terminal is not meant for it
    )
