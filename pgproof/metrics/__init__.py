"""DynamoDB's items in, metrics in Postgres out, exactly once."""

from pgproof.metrics.function.invocation import handler

__all__ = ["handler"]
