"""What the tests of an application need, public: a Momento that runs in their own process, and fails when told to."""

from pgproof.testing.momento_server import MomentoServer

__all__ = ["MomentoServer"]
