"""db.parity: home and production, side by side."""

from __future__ import annotations
