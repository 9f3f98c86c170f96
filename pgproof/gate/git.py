"""A project in a git repository in, its commits and what stood in them out; the one door to git."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgproof.errors import SettingsError
from pgproof.pg.folder import ensure_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_FETCH = "`git fetch origin main`; in GitHub Actions, `fetch-depth: 0` of actions/checkout"
_KEPT_DAYS = 7


@dataclass(frozen=True)
class Repository:
    """A repository, seen from the project's root in it."""

    root: Path

    def find_main(self) -> str:
        """Return the name of the main branch.

        Raises:
            SettingsError: there is no git, no repository, or no such branch.
        """
        self._run("rev-parse", "--git-dir")
        for name in _MAIN:
            if self._find(name):
                return name
        raise SettingsError("no main branch was found here", hint=f"--base=REF names what to compare with; {_FETCH}")

    def resolve(self, ref: str) -> str:
        """Return the commit that a ref stands for, as 40 hex digits.

        Raises:
            SettingsError: there is no such ref.
        """
        self._run("rev-parse", "--git-dir")
        if commit := self._find(ref):
            return commit
        raise SettingsError(f"git knows no {ref}", hint=_FETCH)

    def find_fork(self, ref: str) -> str:
        """Return the commit at which HEAD and a ref parted.

        Raises:
            SettingsError: they have none in common.
        """
        done = self._try("merge-base", self.resolve(ref), "HEAD")
        if done.returncode:
            raise SettingsError(f"HEAD and {ref} have no commit in common", hint=_FETCH)
        return done.stdout.decode().strip()

    def extract(self, commit: str, names: Sequence[str], cache: Path) -> Path:
        """Return a folder with what stood under the names in a commit; they are seen from the project's root.

        It is made once; what nobody asked for in a week goes.
        """
        prefix = self._run("rev-parse", "--show-prefix").decode().strip().strip("/").replace("/", "-")
        folder = cache / "-".join(filter(None, (commit, prefix)))
        there = self._run("ls-tree", "--name-only", "-z", commit, "--", *names).decode().split("\0")
        ensure_folder(folder, lambda draft: self._unpack(commit, [each for each in there if each], draft))
        os.utime(folder)
        _remove_old(cache)
        return folder

    def _unpack(self, commit: str, names: Sequence[str], folder: Path) -> None:
        folder.mkdir()
        if names:
            packed = self._run("archive", "--format=tar", commit, "--", *names)
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(folder, filter="data")

    def _find(self, ref: str) -> str:
        done = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return done.stdout.decode().strip()

    def _run(self, *arguments: str) -> bytes:
        done = self._try(*arguments)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
            raise SettingsError(
                f"git {arguments[0]}: {said}", hint="the gate compares with a commit of a git repository"
            )
        return done.stdout

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, check=False)
        except FileNotFoundError as error:
            raise SettingsError("there is no git here", hint="install git") from error


def _remove_old(cache: Path) -> None:
    import shutil

    for each in cache.iterdir():
        if each.is_dir() and time.time() - each.stat().st_mtime > _KEPT_DAYS * 86400:
            shutil.rmtree(each, ignore_errors=True)
