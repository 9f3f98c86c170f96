"""A project in a git repository in, its commits and what stood in them out; the one door to git."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from pgproof.errors import SettingsError
from pgproof.pg.folder import ensure_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MAIN = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
_FETCH = "`git fetch origin`; in GitHub Actions, `fetch-depth: 0` of actions/checkout; in GitLab, GIT_DEPTH: 0"
_KEPT_DAYS = 7
# A hook of git sets these for its own repository, seen from its own folder.
_OF_A_HOOK = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
# An index of ours is no reason to call a hook of theirs.
_QUIETLY = ("-c", "core.hooksPath=/dev/null")
_LINKS = {b"120000": "a symbolic link", b"160000": "a submodule"}


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
                return self._run("rev-parse", "--abbrev-ref", name).decode().strip()
        raise SettingsError("no main branch was found here", hint=f"--base=REF names what to compare with; {_FETCH}")

    def resolve(self, ref: str) -> str:
        """Return the commit that a ref stands for, as 40 hex digits.

        Raises:
            SettingsError: there is no git, no repository, or no such ref.
        """
        self._run("rev-parse", "--git-dir")
        if commit := self._find(ref):
            return commit
        remote = f"origin/{ref}"
        raise SettingsError(f"git knows no {ref}", hint=f"did you mean {remote}?" if self._find(remote) else _FETCH)

    def find_fork(self, ref: str) -> str:
        """Return the commit at which HEAD and a ref parted.

        Raises:
            SettingsError: they have none in common, or none that is here.
        """
        done = self._try("merge-base", self.resolve(ref), "HEAD")
        if done.returncode:
            shallow = self._run("rev-parse", "--is-shallow-repository").strip() == b"true"
            why = "no commit in common that is here: the clone is shallow" if shallow else "no commit in common"
            raise SettingsError(f"HEAD and {ref} have {why}", hint=f"`git fetch --unshallow`, or {_FETCH}")
        return done.stdout.decode().strip()

    @property
    def empty_tree(self) -> str:
        """What git calls a commit's content that has nothing in it."""
        return self._run("hash-object", "-t", "tree", "--stdin").decode().strip()

    def extract(self, commit: str, names: Sequence[str], cache: Path) -> Path:
        """Return the project's root as a folder with what stood under the names in a commit; they are seen from there.

        It is made once; what nobody asked for in a week goes.

        Raises:
            SettingsError: something there is a link, to what may no longer be as it was.
        """
        wanted = sha256("\n".join((self._prefix, *names)).encode()).hexdigest()[:8]
        folder = ensure_folder(
            cache / f"{commit[:40]}-{wanted}", lambda draft: self._unpack(commit, self._list(commit, names), draft)
        )
        os.utime(folder)
        _remove_old(cache)
        return folder / self._prefix

    @cached_property
    def _prefix(self) -> str:
        """Where the project is in its repository: `services/shop/`."""
        return os.fsdecode(self._run("rev-parse", "--show-prefix").rstrip(b"\n"))

    def _list(self, commit: str, names: Sequence[str]) -> list[bytes]:
        """List the files under the names; a folder that the commit does not have holds none."""
        files = []
        for entry in self._run("ls-tree", "-r", "-z", commit, "--", *names).split(b"\0")[:-1]:
            facts, _, name = entry.partition(b"\t")
            if link := _LINKS.get(facts[:6]):
                hint = "the gate reads what a commit itself has: put the files where the link is"
                raise SettingsError(f"{os.fsdecode(name)} is {link} at {commit[:7]}", hint=hint)
            files.append(name)
        return files

    def _unpack(self, commit: str, files: list[bytes], folder: Path) -> None:
        """Write files as a checkout does, with its ends of lines and filters; `git archive` would leave some out."""
        (folder / self._prefix).mkdir(parents=True)
        index = folder / ".index"
        ours = {"GIT_INDEX_FILE": str(index)}
        self._run("read-tree", commit, environ=ours)
        said = b"\0".join(files)
        self._run("checkout-index", "-z", "--stdin", f"--prefix={folder}/", environ=ours, stdin=said)
        index.unlink()

    def _find(self, ref: str) -> str:
        done = self._try("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
        return done.stdout.decode().strip()

    def _run(self, *arguments: str, environ: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
        done = self._try(*arguments, environ=environ, stdin=stdin)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
            hint = "the gate compares with a commit of a git repository"
            raise SettingsError(f"git {arguments[0]}: {said}", hint=hint)
        return done.stdout

    def _try(
        self, *arguments: str, environ: Mapping[str, str] | None = None, stdin: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        around = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
        try:
            return subprocess.run(
                ["git", *_QUIETLY, *arguments],
                cwd=self.root,
                env={**around, **(environ or {})},
                input=stdin,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise SettingsError("there is no git here", hint="install git") from error


def _remove_old(cache: Path) -> None:
    """Remove what a week has not asked for; another run may be at it as well."""
    for each in cache.iterdir():
        with suppress(FileNotFoundError):
            if each.is_dir() and time.time() - each.stat().st_mtime > _KEPT_DAYS * 86400:
                shutil.rmtree(each, ignore_errors=True)
