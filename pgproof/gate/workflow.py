"""A project and a kind of CI in, the file of a job that judges each pull request out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pgproof.errors import SettingsError
from pgproof.gate.formats.markdown import MARK

_TEMPLATES = Path(__file__).with_name("workflows")
_PLACES = {"github": ".github/workflows/pgproof.yml", "gitlab": ".gitlab/pgproof.yml"}
_NEXT = {
    "github": "commit it; to hold merges up, make the check `gate` a required one in the branch's rules",
    "gitlab": "commit it, and take it into .gitlab-ci.yml:\n\n    include:\n      - local: .gitlab/pgproof.yml\n",
}


@dataclass(frozen=True)
class Job:
    """The file that was written, and what is left to do."""

    path: Path
    next: str


def write_job(root: Path, ci: str | None) -> Job:
    """Write the job's file, at the top of the repository that the project is in.

    Args:
        root: the project's.
        ci: `github` or `gitlab`; None is whichever the repository looks like.

    Raises:
        SettingsError: there is no such CI, or the file is there already.
    """
    top = next((each for each in (root, *root.parents) if (each / ".git").exists()), root)
    kind = ci or ("gitlab" if (top / ".gitlab-ci.yml").exists() else "github")
    if kind not in _PLACES:
        raise SettingsError(f"unknown CI {kind!r}", hint=", ".join(_PLACES))
    path = top / _PLACES[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_fill(kind, root, top))
    except FileExistsError:
        raise SettingsError(f"{path} is there already", hint="it is yours: move it away to have a new one") from None
    return Job(path, _NEXT[kind])


def _fill(kind: str, root: Path, top: Path) -> str:
    install, inv = _find_commands(root)
    text = (_TEMPLATES / f"{kind}.yml").read_text(encoding="utf-8")
    if root == top:
        text = text.replace("@folder@/", "")
    filled = {"folder": root.relative_to(top).as_posix(), "install": install, "inv": inv, "mark": MARK}
    for name, value in filled.items():
        text = text.replace(f"@{name}@", value)
    return text


def _find_commands(root: Path) -> tuple[str, str]:
    """Return how the project is installed, and how its tasks are run: it knows best, so what it has is used."""
    if (root / "inv").is_file():
        return "./inv --version", "./inv"  # it installs whatever it needs by itself
    if (root / "uv.lock").is_file():
        return "python -m pip install uv && uv sync --locked", "uv run inv"
    if (root / "requirements.txt").is_file():
        return "python -m pip install -r requirements.txt", "inv"
    return "python -m pip install 'pgproof[lint]'", "inv"
