"""Statements in, whether each of their columns can be NULL out: what the schema proves, never what the rows suggest."""

from pgproof.contracts.shapes.nullability.inference import fetch_nullability

__all__ = ["fetch_nullability"]
