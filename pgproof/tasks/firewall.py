"""rds.allow, rds.deny, rds.rules: who may reach the instance."""

from __future__ import annotations
