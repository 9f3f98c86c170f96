"""A path in, a folder or a file there that is whole, even when several processes make it or one is killed."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@contextmanager
def hold_lock(path: Path) -> Iterator[None]:
    """Hold the lock that a file stands for, waiting for it; the kernel frees it when we die."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def ensure_parents(folder: Path) -> None:
    """Make a folder and what is missing above it; as root, so that the server's user can pass through."""
    for each in reversed((folder, *folder.parents)):
        if not each.exists():
            each.mkdir(exist_ok=True)
            if os.geteuid() == 0:
                each.chmod(0o755)  # root's umask may be 077


def write_whole(path: Path, text: str) -> None:
    """Write a file, and the folders that it needs, whole or not at all; of several who write, one is the last."""
    ensure_parents(path.parent)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8", newline="\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def ensure_folder(folder: Path, fill: Callable[[Path], None]) -> Path:
    """Return the folder; on first use `fill` makes it under another name, and it takes its own when whole."""
    if folder.is_dir():
        return folder
    ensure_parents(folder.parent)
    with hold_lock(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            _fill(folder, fill)
    return folder


def _fill(folder: Path, fill: Callable[[Path], None]) -> None:
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)  # of one that was killed
    try:
        fill(draft)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # of one that failed: the disk may be full of it
