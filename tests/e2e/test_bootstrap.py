"""./inv: what it installs and when, with a Python that only notes how it was called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Stands for the system's Python, for pip, and, copied into the environment that it makes, for its Python too.
PYTHON = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
"-m venv "*)
    mkdir -p "$3/bin"
    cp "$0" "$3/bin/python"
    printf '#!/bin/sh\\necho "inv got: $*"\\n' >"$3/bin/inv"
    chmod +x "$3/bin/inv"
    ;;
*--editable*) exit "${PIP_EXIT:-0}" ;;
"-c "*) exit "${VERSION_EXIT:-0}" ;;
esac
"""


class Checkout:
    """A fresh checkout with ./inv in it."""

    def __init__(self, root: Path) -> None:
        self.root = root / "a checkout"
        self.root.mkdir()
        self.calls = root / "calls"
        shutil.copy(ROOT / "inv", self.root)
        (self.root / "pyproject.toml").write_text("[project]\n")
        (root / "python").write_text(PYTHON)
        (root / "python").chmod(0o755)
        self._environ = {"PATH": os.defpath, "PYTHON": str(root / "python"), "CALLS": str(self.calls)}

    def inv(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run ./inv from another folder; the calls of Python that it led to are in `calls`."""
        self.calls.write_text("")
        return subprocess.run(
            [self.root / "inv", *words],
            cwd="/",
            env={**self._environ, **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def installations(self) -> int:
        """Count how often the last run installed."""
        return self.calls.read_text().count("--editable .[all] --group dev")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_the_script_is_plain_sh():
    subprocess.run(["sh", "-n", ROOT / "inv"], check=True)


def test_the_first_run_installs_and_the_second_does_not(checkout: Checkout):
    done = checkout.inv("db.new", "two words")
    assert (done.returncode, done.stdout) == (0, "inv got: db.new two words\n")
    assert done.stderr.startswith("inv: installing pgproof")
    assert checkout.installations() == 1

    done = checkout.inv("db.up")
    assert (done.stdout, done.stderr) == ("inv got: db.up\n", "")
    assert checkout.calls.read_text() == ""


def test_a_changed_pyproject_installs_again_into_the_same_environment(checkout: Checkout):
    checkout.inv()
    (checkout.root / "pyproject.toml").write_text('[project]\nname = "changed"\n')

    checkout.inv()

    assert checkout.installations() == 1
    assert "-m venv" not in checkout.calls.read_text()


def test_an_installation_that_failed_is_tried_again(checkout: Checkout):
    failed = checkout.inv(PIP_EXIT="1")
    assert failed.returncode == 1
    assert failed.stdout == ""
    assert failed.stderr.endswith("inv: the installation failed; what pip said is above\n")

    assert checkout.inv().returncode == 0
    assert checkout.installations() == 1


def test_a_python_that_is_too_old_is_said(checkout: Checkout):
    done = checkout.inv(VERSION_EXIT="1")

    assert (done.returncode, done.stderr) == (1, "inv: Python 3.11 or newer is needed; set PYTHON to one\n")
    assert not (checkout.root / ".venv").exists()
