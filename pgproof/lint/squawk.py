"""Migrations in, what squawk says of their locks and rewrites out; the one door to squawk.

Rollbacks are left out: to drop is what they are for, and they run when something is worse than a lock.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
import tomllib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from pgproof.errors import Location, SettingsError
from pgproof.lint.cache import hash_files
from pgproof.lint.finding import Hit, Verdict
from pgproof.lint.tool import fetch_version

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.lint.finding import Keep
    from pgproof.lint.source import Source
    from pgproof.settings import Settings

# The runner sets both limits for every migration, by settings of ours; the third is our own naive-timestamp.
_LEFT_OUT = ("require-lock-timeout", "require-statement-timeout", "prefer-timestamp-tz")
# Whether Postgres can parse a text its own parser says; squawk's lags behind.
_NO_RULE = "syntax-error"


@dataclass(frozen=True)
class Squawk:
    """Squawk as this project has it: its settings are in `.squawk.toml`."""

    root: Path
    major: int

    @classmethod
    def of(cls, settings: Settings) -> Squawk:
        """Return the squawk of a project."""
        return cls(settings.root, settings.major)

    @property
    def state(self) -> str:
        """All that its answers depend on, beside the text."""
        here = Path(__file__).parent
        ours = hash_files(here, map(here.joinpath, ("finding.py", "squawk.py")))
        config = self._config.read_text(encoding="utf-8") if self._config.is_file() else ""
        return json.dumps(["squawk", ours, fetch_version("squawk-cli"), self.major, config])

    @property
    def _excluded(self) -> list[str]:
        try:
            found = tomllib.loads(self._config.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # what is wrong with it, squawk will say
            return []
        return list(map(str, found.get("excluded_rules", [])))

    @property
    def _config(self) -> Path:
        return self.root / ".squawk.toml"

    def check(self, sources: Sequence[Source], keep: Keep) -> None:
        """Judge migrations."""
        for transactional in (True, False):
            group = [each for each in sources if each.is_text and _is_transactional(each) is transactional]
            for source, hits in zip(group, self._run(group, transactional=transactional), strict=True):
                keep(source, Verdict(tuple(hits)))
        for each in sources:
            if not each.is_text:
                keep(each, Verdict())

    def _run(self, sources: Sequence[Source], *, transactional: bool) -> list[list[Hit]]:
        """Run it on copies: so it sees what was read, whoever edits meanwhile."""
        found: list[list[Hit]] = [[] for _ in sources]
        if not sources:
            return found
        with TemporaryDirectory(prefix="pgproof-squawk-") as folder:
            for number, source in enumerate(sources):
                (Path(folder) / f"{number}.sql").write_bytes(source.raw)
            names = [f"{number}.sql" for number in range(len(sources))]
            for each in self._ask([*self._options(transactional=transactional), *names], folder):
                if each["rule_name"] != _NO_RULE:
                    found[int(Path(each["file"]).stem)].append(_hit(each))
        return found

    def _options(self, *, transactional: bool) -> list[str]:
        config = self._config if self._config.is_file() else Path("/dev/null")  # none, where it would look further up
        excluded = ",".join([*_LEFT_OUT, *self._excluded])  # on the command line they replace those of the file
        begun = "--assume-in-transaction" if transactional else "--no-assume-in-transaction"
        chosen = [f"--pg-version={self.major}.0", f"--exclude={excluded}", begun]
        return ["--reporter=json", f"--config={config.resolve()}", *chosen]

    def _ask(self, arguments: list[str], folder: str) -> list[dict[str, Any]]:
        done = subprocess.run(
            [_program(), *arguments], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        try:
            found: list[dict[str, Any]] = json.loads(done.stdout)
        except ValueError as error:
            said = (done.stderr or done.stdout).strip()
            at = Location(self._config) if self._config.is_file() else None
            raise SettingsError(f"squawk gives up: {said}", at=at) from error
        return found


def _program() -> str:
    beside = Path(sysconfig.get_path("scripts")) / "squawk"
    if found := str(beside) if beside.is_file() else shutil.which("squawk"):
        return found
    raise SettingsError("squawk has no program here", hint="pip install --force-reinstall squawk-cli")


def _is_transactional(source: Source) -> bool:
    from pgproof.migrations.header import Header

    return Header.read(source.text).transactional


def _hit(found: dict[str, Any]) -> Hit:
    line, column = found["line"] + 1, found["column"] + 1  # it counts from 0
    return Hit(found["rule_name"], line, column, found["message"], found["help"] or "")
