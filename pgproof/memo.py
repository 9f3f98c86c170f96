"""Files in, what was found in them the last time out: nothing is read as long as nobody has touched them."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pgproof.pg.folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_COARSEST = 2_000_000_000  # ns: two writes within one tick of a file system's clock look alike


def recall(memo: Path, folders: Iterable[Path], version: str, look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `look` finds in the files of the folders, from the memo where that is as good.

    Args:
        memo: a file of ours.
        folders: whose files `look` reads, without those below them; they may be absent.
        version: of what `look` does.
        look: its result must be what JSON can hold.
    """
    seen = _stamp(folders, version)
    with suppress(OSError, ValueError, KeyError, TypeError):
        noted = json.loads(memo.read_bytes())
        if seen and noted["seen"] == seen:
            return dict(noted["found"])
    found = look()
    if seen:
        with suppress(OSError):  # a full or closed cache only costs time
            write_whole(memo, json.dumps({"seen": seen, "found": found}))
    return found


def _stamp(folders: Iterable[Path], version: str) -> str | None:
    """Return a hash over names, sizes and times; None where a file is so new that another write may look the same.

    The time of the last change to the inode cannot be set by hand, unlike that of the last write.
    """
    looks, newest = [version], 0
    for folder in folders:
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
            for each in entries:
                found = each.stat()
                newest = max(newest, found.st_mtime_ns, found.st_ctime_ns)
                looks.append(f"{each.path} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}")
    if newest > time.time_ns() - _COARSEST:
        return None
    return sha256("\n".join(sorted(looks)).encode()).hexdigest()
