"""rds.ensure and what else changes an instance or tells of it."""

from __future__ import annotations
