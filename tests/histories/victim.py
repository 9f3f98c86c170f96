"""A process that writes through a cache, and says so as soon as that is committed; then it waits to be killed."""

import os
import sys
from threading import Event

from pgproof import Database
from pgproof.cache import Cache, Memory


class _Stuck(Memory):
    """A store that is never told."""

    holds_tokens = True

    def set(self, key: str, value: bytes, ttl: float) -> None:  # noqa: ARG002
        print("committed", flush=True)  # noqa: T201  (its only way to tell)
        Event().wait()


if __name__ == "__main__":
    folder, table, id, mark = sys.argv[1:]
    with Database(os.environ["VICTIMS_URL"], folder, cache=Cache(_Stuck())) as db:
        db.run(f"write.{table}", id=int(id), mark=int(mark))
