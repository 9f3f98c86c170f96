"""Keys and bytes in, the bytes again out: where results are kept."""

from pgproof.cache.backends.backend import Backend, BackendError

__all__ = ["Backend", "BackendError"]
