"""Binaries in, an initialised data directory out: initdb once a machine, a copy ever after."""

from __future__ import annotations

import subprocess
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

from pgproof.pg.diagnosis import explain_failure
from pgproof.pg.folder import ensure_folder

if TYPE_CHECKING:
    from pathlib import Path

    from pgproof.pg.account import Account
    from pgproof.pg.binaries import Binaries

_INITDB = (
    "--username=postgres",
    "--encoding=UTF8",
    # Only the private folder of its Unix socket leads to `local`; TCP always asks for a password.
    "--auth-local=trust",
    "--auth-host=scram-sha-256",
    "--no-sync",
    "--no-instructions",
)

# Text sorts by code point on every machine and major. From 17 on Postgres brings C.UTF-8 itself; before, libc does.
_BUILTIN_LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
_LIBC_LOCALE = ("--locale=C.UTF-8",)
_FIRST_MAJOR_WITH_BUILTIN_LOCALE = 17


def copy_cluster(binaries: Binaries, account: Account, cache: Path, data: Path) -> None:
    """Make `data` an initialised data directory; nothing of it is forced to disk.

    Raises:
        ServerUnavailable: initdb or the copy failed, for example on a full disk.
    """
    options = _choose_options(binaries)
    wanted = sha256("\n".join((*options, account.name)).encode()).hexdigest()[:8]
    template = cache / f"initdb-{binaries.build}-{wanted}"
    ensure_folder(template, partial(_initialise, binaries, account, options))
    account.make_private(data)
    _run(account, ["cp", "-R", f"{template}/.", data])


def force_to_disk(binaries: Binaries, account: Account, data: Path) -> None:
    """Survive a power loss from here on: what was copied is written out."""
    _run(account, [binaries.program("initdb"), "--sync-only", "-D", data])


def _choose_options(binaries: Binaries) -> tuple[str, ...]:
    major = int(binaries.version.split(".")[0])
    return (*_INITDB, *(_BUILTIN_LOCALE if major >= _FIRST_MAJOR_WITH_BUILTIN_LOCALE else _LIBC_LOCALE))


def _initialise(binaries: Binaries, account: Account, options: tuple[str, ...], data: Path) -> None:
    account.make_private(data)
    _run(account, [binaries.program("initdb"), "-D", data, *options])


def _run(account: Account, command: list[str | Path]) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **account.options
    )
    if done.returncode != 0:
        raise explain_failure(done.stderr or done.stdout, doing="initialise its data directory")
