"""Files in, what sqlfluff says of their style out: by as many processes as there is work for.

Each process is a program of its own (`styler`). multiprocessing would either fork a process that has threads, the
spinner's for one, or import whatever program asked once more in every worker.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any, Literal

from pgproof.errors import Location, PgproofError, SettingsError
from pgproof.lint.cache import hash_files
from pgproof.lint.finding import Hit, Verdict
from pgproof.lint.tool import fetch_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pgproof.lint.finding import Keep
    from pgproof.lint.source import Source
    from pgproof.settings import Settings

Extent = Literal["all", "looks"]

_LARGEST = 20_000  # bytes: sqlfluff's own limit, beyond which it seems to hang
_PER_PROCESS = 5  # files: what an import of sqlfluff costs
_WIDE = 100  # characters of an error that are shown


@dataclass(frozen=True)
class Style:
    """Sqlfluff as this project has it: its settings are `[tool.sqlfluff]` of pyproject.toml, and no other file's."""

    root: Path
    table: dict[str, Any]

    @classmethod
    def of(cls, settings: Settings) -> Style:
        """Read the project's settings of sqlfluff."""
        path = settings.root / "pyproject.toml"
        found = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return cls(settings.root, found.get("tool", {}).get("sqlfluff", {}))

    @property
    def state(self) -> str:
        """All that its answers depend on, beside the text."""
        here = Path(__file__).parent
        ours = hash_files(here, map(here.joinpath, ("finding.py", "style.py", "styler.py")))
        return json.dumps(["sqlfluff", ours, fetch_version("sqlfluff"), self.table], default=str)

    def check(self, sources: Sequence[Source], keep: Keep) -> None:
        """Judge files."""
        todo = []
        for each in sources:
            if len(each.raw) > self._largest > 0:
                keep(each, Verdict(unchecked="longer than sqlfluff's large_file_skip_byte_limit"))
            elif each.is_text:
                todo.append(each)
            else:
                keep(each, Verdict())
        self._distribute(todo, lambda source, answer: keep(source, _verdict(answer)), fix=None)

    def fix(self, sources: Sequence[Source], extent: Extent) -> dict[Source, str]:
        """Return the texts as sqlfluff would have them, in all or in their looks only."""
        fixed: dict[Source, str] = {}

        def note(source: Source, answer: dict[str, Any]) -> None:
            fixed[source] = answer["fixed"]

        self._distribute(sources, note, fix=extent)
        return fixed

    @property
    def _largest(self) -> int:
        return int(self.table.get("core", {}).get("large_file_skip_byte_limit", _LARGEST))

    def _distribute(
        self, sources: Sequence[Source], tell: Callable[[Source, dict[str, Any]], None], *, fix: Extent | None
    ) -> None:
        """Give each process as much text as the others: the longest first, by turns."""
        count = min(_processors(), -(-len(sources) // _PER_PROCESS))
        longest = sorted(sources, key=lambda each: len(each.raw), reverse=True)
        shares = [longest[first::count] for first in range(count)]
        running: list[subprocess.Popen[str]] = []

        def work(share: Sequence[Source]) -> None:
            with TemporaryFile("w+") as errors, _start(errors) as process:
                running.append(process)
                answers = zip(share, self._talk(process, share, fix=fix), strict=False)
                told = 0
                for told, (source, answer) in enumerate(answers, start=1):  # noqa: B007  (how many there were)
                    tell(source, answer)
                if process.wait() or told < len(share):
                    raise _failure(errors, share[told:])

        with ThreadPoolExecutor(max(count, 1)) as threads:
            try:
                list(threads.map(work, shares))
            except BaseException:  # an interrupt as well: nobody would hear the others
                for each in running:
                    each.kill()
                raise

    def _talk(
        self, process: subprocess.Popen[str], share: Sequence[Source], *, fix: Extent | None
    ) -> Iterator[dict[str, Any]]:
        asked = {"root": str(self.root), "fix": fix, "files": [_question(each) for each in share]}
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("started without pipes")
        with suppress(BrokenPipeError), process.stdin as pipe:  # one that ended says why on stderr
            pipe.write(json.dumps(asked))
        for line in process.stdout:
            answer = json.loads(line)
            if "refused" in answer:
                raise SettingsError(answer["refused"], at=Location(self.root / "pyproject.toml"))
            yield answer


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start(errors: IO[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pgproof.lint.styler"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True, encoding="utf-8")


def _question(source: Source) -> dict[str, Any]:
    return {"name": str(source.path), "text": source.text, "is_query": source.kind == "query"}


def _verdict(answer: dict[str, Any]) -> Verdict:
    """Return what sqlfluff says; what it says of a text that it cannot parse means nothing."""
    if answer["unparsable"]:
        return Verdict(unchecked=f"sqlfluff cannot parse it from line {answer['unparsable']} on")
    return Verdict(tuple(Hit(**each) for each in answer["hits"]))


def _failure(errors: IO[str], left: Sequence[Source]) -> PgproofError:
    errors.seek(0)
    said = errors.read().strip().split("\n")[-1][:_WIDE] or "it was ended"
    at = Location(left[0].path) if left else None
    return PgproofError(
        f"sqlfluff failed: {said}", at=at, hint="-- noqa: disable=all in the file, and tell its authors"
    )
