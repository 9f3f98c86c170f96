"""db.audit, and what a change of production has to pass."""

from __future__ import annotations
