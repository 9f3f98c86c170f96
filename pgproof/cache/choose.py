"""Settings in, the backend that they name out."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgproof.cache.backends.backend import Backend
    from pgproof.settings import Settings


def choose_backend(settings: Settings, url: str, *, timeout: float = 0.05) -> Backend:
    """Make the backend of the setting `cache_backend`; nothing is connected yet.

    Args:
        settings: as tasks read them too, so that they and the application mean the same place.
        url: of the database, for a backend that is a table in it.
        timeout: seconds that a call takes at most; who keeps no request waiting has more of them.

    Raises:
        SettingsError: Momento's package, key or endpoint is missing.
    """
    match settings.cache_backend:
        case "momento":
            from pgproof.cache.backends.momento import Momento

            return Momento(settings.momento_cache or settings.database, timeout=timeout)
        case "postgres":
            from pgproof.cache.backends.postgres import Postgres

            return Postgres(url, timeout=timeout)
        case "memory":
            from pgproof.cache.backends.memory import Memory

            return Memory()
