"""The name of a tool's distribution in, its version out: without importing it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from pgproof.errors import SettingsError


def fetch_version(distribution: str) -> str:
    """Return the version that is installed.

    Raises:
        SettingsError: it is not installed.
    """
    try:
        return version(distribution)
    except PackageNotFoundError:
        raise SettingsError(f"{distribution} is not installed", hint="pip install 'pgproof[lint]'") from None
