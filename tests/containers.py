"""The container engine, asked by its own client: whether there is one, and whether it has the image under test."""

import subprocess
from pathlib import Path

import pytest

from pgproof.settings import read_settings


def docker(*arguments: str) -> str:
    return subprocess.run(("docker", *arguments), capture_output=True, text=True, check=True).stdout.strip()


def need_image() -> str:
    """Return the image under test, on this machine; without it a desk skips and CI fails."""
    settings = read_settings(Path("/"))
    name = settings.image or "postgres:18-alpine"
    try:
        docker("image", "inspect", name) if docker("image", "ls", "--quiet", name) else docker("pull", name)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"no container engine has {name}: {getattr(error, 'stderr', error)}"
        pytest.fail(reason) if settings.ci else pytest.skip(reason)
    return name
