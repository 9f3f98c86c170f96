"""A key in, what was found by it the last time out.

One small file for each answer: two runs at once write the same thing twice, and one that is killed leaves the answers
that it had. What nobody asked for in a month is swept.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.pg.folder import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_DAY = 86_400
_KEPT = 30 * _DAY


@dataclass(frozen=True)
class Cache:
    """A folder of answers; what cannot be read or written there only costs time."""

    folder: Path

    def get(self, key: str) -> Any:  # noqa: ANN401  (whatever JSON can hold)
        """Return the answer, or None."""
        path = self._path(key)
        with suppress(OSError, ValueError):
            answer = json.loads(path.read_bytes())
            if path.stat().st_mtime < time.time() - _DAY:
                with suppress(OSError):  # somebody else's cache may be read only
                    os.utime(path)
            return answer
        return None

    def put(self, key: str, answer: Any) -> None:  # noqa: ANN401
        """Keep an answer, whole or not at all."""
        path = self._path(key)
        with suppress(OSError):
            write_whole(path, json.dumps(answer))

    def sweep(self) -> None:
        """Delete what is old, drafts of killed runs among it."""
        oldest = time.time() - _KEPT
        for path in self.folder.glob("*/*"):
            with suppress(OSError):  # another run may sweep too
                if path.stat().st_mtime < oldest:
                    path.unlink()

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.json"


def hash_files(root: Path, paths: Iterable[Path]) -> str:
    """Return one hash over contents, and names as seen from a root."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
