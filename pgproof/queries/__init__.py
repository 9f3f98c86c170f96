"""queries/ in, named queries out, with `Database` and `AsyncDatabase`, which an application runs them by."""

from pgproof.queries.database import AsyncDatabase, Database
from pgproof.queries.files import Queries, Query, Returns, read_queries

__all__ = ["AsyncDatabase", "Database", "Queries", "Query", "Returns", "read_queries"]
