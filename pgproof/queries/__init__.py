"""queries/ in, named queries out, with `Database`, which an application runs them by."""

from pgproof.queries.database import Database
from pgproof.queries.files import Queries, Query, Returns, read_queries

__all__ = ["Database", "Queries", "Query", "Returns", "read_queries"]
