"""What `pip install pgproof` brings: everything that runs, and nothing that is only this repository's."""

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with sdist and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    isolation = ["--no-isolation"] if find_spec("hatchling") else []
    subprocess.run(
        [sys.executable, "-m", "build", *isolation, "--outdir", folder, ROOT], check=True, capture_output=True
    )
    return folder


def test_the_wheel_holds_the_package_with_its_sql_and_types(built: Path):
    [wheel] = built.glob("pgproof-*-py3-none-any.whl")
    names = set(zipfile.ZipFile(wheel).namelist())

    package = {str(path.relative_to(ROOT)) for path in (ROOT / "pgproof").rglob("*") if path.is_file()}
    expected = {name for name in package if "__pycache__" not in name}
    assert {name for name in names if ".dist-info/" not in name} == expected
    data = ("py.typed", "pg/catalog.sql", "pg/sweep.sql", "rds/roots.pem", "roles/grants.sql")
    assert {f"pgproof/{name}" for name in data} <= names


def test_the_sdist_holds_sources_and_what_explains_them(built: Path):
    [sdist] = built.glob("pgproof-*.tar.gz")
    with tarfile.open(sdist) as archive:
        tops = {name.partition("/")[2].partition("/")[0] for name in archive.getnames()}

    assert {"pgproof", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= tops
    assert not {".venv", ".git", ".ci"} & tops


def test_the_wheel_runs_where_nothing_of_this_checkout_is(built: Path, tmp_path: Path):
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    [wheel] = built.glob("*.whl")
    install: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    ]
    subprocess.run(install, check=True)
    (tmp_path / "tasks.py").write_text("from pgproof.tasks import ns\n")

    # Its dependencies are those of this environment; as a plain folder they bring no editable install of pgproof.
    environ = {"PATH": os.defpath, "PYTHONPATH": sysconfig.get_path("purelib")}

    def run(*words: str) -> str:
        done = subprocess.run([python, *words], cwd=tmp_path, env=environ, check=True, capture_output=True, text=True)
        return done.stdout

    assert run("-c", "import pgproof.tasks as tasks; print(tasks.__file__)").startswith(str(tmp_path / "venv"))
    assert "  db.reset " in run("-m", "invoke", "--list")
