"""Queries' results in, the same out again as long as nothing that they follow from is written."""

from pgproof.cache.backends.backend import Backend, BackendError
from pgproof.cache.backends.memory import Memory
from pgproof.cache.backends.momento import Momento
from pgproof.cache.backends.postgres import Postgres
from pgproof.cache.cache import Cache
from pgproof.cache.counters import Counters
from pgproof.cache.kept import Limits

__all__ = ["Backend", "BackendError", "Cache", "Counters", "Limits", "Memory", "Momento", "Postgres"]
