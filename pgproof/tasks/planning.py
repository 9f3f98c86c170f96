"""rds.plan, rds.template: an instance as it would be, and what is wrong with it."""

from __future__ import annotations
