"""Queries' results in, the same out again as long as nothing that they follow from is written."""

from pgproof.cache.backends.backend import Backend, BackendError
from pgproof.cache.backends.memory import Memory
from pgproof.cache.cache import Cache, Limits
from pgproof.cache.counters import Counters

__all__ = ["Backend", "BackendError", "Cache", "Counters", "Limits", "Memory"]
